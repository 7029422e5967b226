#!/usr/bin/python3
"""wire_peers.py - what wire.py holds hub-coap against: MQTT with QoS 1 and HTTPS, clients and the HTTPS server.

usage: wire_peers.py server FOLDER                     HTTPS, until it is killed
       wire_peers.py mqtt|https|lean FOLDER LENGTH     a client; says 'ready'; then 'ok' for each line of stdin:
                                                       connect (with a first message), one, burst N (says seconds), close

https: the headers that curl, and http.server, send unasked. lean: only those that name the payload, and a date in the answer.

FOLDER holds root.crt, server.crt, server.key, client.crt, client.key.
"""
import http.client
import http.server
import pathlib
import socket
import socketserver
import ssl
import sys
import time

ADDRESS, NAME = '10.77.2.2', 'clinic.test'
MQTT_PORT, HTTPS_PORT = 8883, 8443
LIMIT_S = 300


def context(folder, side):
    """TLS 1.3, both sides with a certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if side == 'server' else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(folder / f'{side}.crt', folder / f'{side}.key')
    made.load_verify_locations(folder / 'root.crt')
    made.verify_mode = ssl.CERT_REQUIRED
    return made


class Answer(http.server.BaseHTTPRequestHandler):
    """204, with the usual headers for those who send the usual ones."""

    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        """Take it."""
        self.rfile.read(int(self.headers['Content-Length']))
        if 'User-Agent' in self.headers:
            self.send_response(204)
        else:
            self.send_response_only(204)
            self.send_header('Date', self.date_time_string())
        self.end_headers()

    def log_message(self, *words):
        """Nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Without asking a name server who it is."""

    def server_bind(self):
        """Where it is bound is all that it needs to know."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = NAME, HTTPS_PORT


def serve(folder):
    """Until killed."""
    server = Server((ADDRESS, HTTPS_PORT), Answer)
    server.socket = context(folder, 'server').wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


class Https:
    """One persistent connection; a request is one write."""

    usual = 'User-Agent: curl/7.88.1\r\nAccept: */*\r\n'

    def __init__(self, folder, payload):
        self.folder = folder
        self.request = (f'POST /u HTTP/1.1\r\nHost: {NAME}\r\n{self.usual}Content-Type: application/cose\r\n'
                        f'Content-Length: {len(payload)}\r\n\r\n').encode() + payload
        self.socket = None

    def connect(self):
        """Handshake and a first one."""
        plain = socket.create_connection((ADDRESS, HTTPS_PORT), LIMIT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context(self.folder, 'client').wrap_socket(plain, server_hostname=NAME)
        self.one()

    def one(self):
        """One after the other."""
        self.socket.sendall(self.request)
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        response.read()
        if response.status != 204:
            raise SystemExit(f'wire_peers.py: answer {response.status}')

    def burst(self, count):
        """Without pipelining, which nobody has switched on."""
        for _ in range(count):
            self.one()

    def close(self):
        """In order."""
        self.socket.unwrap().close()


class Lean(Https):
    """With no header that could be left out."""

    usual = ''


class Mqtt:
    """paho; the loop runs in its own thread."""

    def __init__(self, folder, payload):
        import paho.mqtt.client as mqtt
        version = [mqtt.CallbackAPIVersion.VERSION1] if hasattr(mqtt, 'CallbackAPIVersion') else []
        self.client = mqtt.Client(*version, client_id='h', protocol=mqtt.MQTTv311)
        self.client.tls_set_context(context(folder, 'client'))
        self.client.tls_insecure_set(True)  # the broker is named by its address
        self.payload = payload

    def connect(self):
        """CONNECT, and a first one."""
        self.client.connect(ADDRESS, MQTT_PORT, keepalive=600)
        self.client.loop_start()
        self.one()

    def one(self):
        """Until PUBACK."""
        self.client.publish('u', self.payload, qos=1).wait_for_publish(LIMIT_S)

    def burst(self, count):
        """Twenty under way, paho's own bound."""
        sent = [self.client.publish('u', self.payload, qos=1) for _ in range(count)]
        for message in sent:
            message.wait_for_publish(LIMIT_S)

    def close(self):
        """DISCONNECT."""
        self.client.disconnect()
        self.client.loop_stop()


def main():
    """A server, or a client that obeys."""
    kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if kind == 'server':
        serve(folder)
    peer = {'https': Https, 'lean': Lean, 'mqtt': Mqtt}[kind](folder, b'x' * int(sys.argv[3]))
    print('ready', flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        start = time.monotonic()
        getattr(peer, word)(*map(int, rest))
        print('ok', time.monotonic() - start, flush=True)


if __name__ == '__main__':
    main()
