// A peer on go-coap and pion's DTLS, with Connection ID.
//
//	gocoap server PEM ROOT            POST /u prints {"bytes"}; standard input has the answer: CODE HEX, as '204 a10105'
//	gocoap client PEM ROOT PORT NAME  each line METHOD PATH HEX of standard input is a request; prints {"code","body"}
//
// PEM holds certificate and key. One JSON object a line; the server's first is {"port"}.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	piondtls "github.com/pion/dtls/v3"
	"github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
)

const (
	formatSign1 = message.MediaType(18)
	formatCBOR  = message.MediaType(60)
	limit       = 90 * time.Second
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func say(line map[string]any) {
	os.Stdout.Write(append(must(json.Marshal(line)), '\n'))
}

// config is both sides' part of the profile dtls12-cid.
func config(pem, root string) *piondtls.Config {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(must(os.ReadFile(root))) {
		log.Fatal("no certificate in ", root)
	}
	return &piondtls.Config{
		Certificates:         []tls.Certificate{must(tls.LoadX509KeyPair(pem, pem))},
		CipherSuites:         []piondtls.CipherSuiteID{piondtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		ExtendedMasterSecret: piondtls.RequireExtendedMasterSecret,
		RootCAs:              roots,
		ClientCAs:            roots,
	}
}

// server answers one upload after the other.
func server(pem, root string) {
	c := config(pem, root)
	c.ClientAuth = piondtls.RequireAndVerifyClientCert
	c.ConnectionIDGenerator = piondtls.RandomCIDGenerator(8)
	in := bufio.NewReader(os.Stdin)
	var one sync.Mutex
	router := mux.NewRouter()
	err := router.Handle("/u", mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
		one.Lock()
		defer one.Unlock()
		format, _ := r.Options().ContentFormat()
		say(map[string]any{"format": format, "confirmable": r.Type() == message.Confirmable,
			"bytes": hex.EncodeToString(must(r.ReadBody()))})
		var code int
		var body string
		line, err := in.ReadString('\n')
		if err != nil {
			os.Exit(0)
		}
		fmt.Sscanf(line, "%d %s", &code, &body)
		reply := must(hex.DecodeString(body))
		if err := w.SetResponse(codes.Code(code/100<<5|code%100), formatCBOR, bytes.NewReader(reply)); err != nil {
			log.Print(err)
		}
	}))
	if err != nil {
		log.Fatal(err)
	}
	l := must(coapnet.NewDTLSListener("udp4", "127.0.0.1:0", c))
	say(map[string]any{"port": l.Addr().(*net.UDPAddr).Port})
	log.Fatal(dtls.NewServer(options.WithMux(router)).Serve(l))
}

func body(r *pool.Message) string {
	if r.Body() == nil {
		return ""
	}
	return hex.EncodeToString(must(io.ReadAll(r.Body())))
}

// client sends one request after the other over one connection.
func client(pem, root, port, name string) {
	c := config(pem, root)
	c.ServerName = name
	c.ConnectionIDGenerator = piondtls.OnlySendCIDGenerator()
	conn, err := dtls.Dial("127.0.0.1:"+port, c)
	if err != nil {
		say(map[string]any{"error": err.Error()})
		return
	}
	for in := bufio.NewReader(os.Stdin); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		var r *pool.Message
		switch word[0] {
		case "POST":
			r, err = conn.Post(ctx, word[1], formatSign1, bytes.NewReader(must(hex.DecodeString(word[2]))))
		case "PUT":
			r, err = conn.Put(ctx, word[1], formatSign1, bytes.NewReader(must(hex.DecodeString(word[2]))))
		default:
			r, err = conn.Get(ctx, word[1])
		}
		if err != nil {
			say(map[string]any{"error": err.Error()})
		} else {
			say(map[string]any{"code": int(r.Code())>>5*100 + int(r.Code())&31, "body": body(r)})
		}
		cancel()
	}
}

func main() {
	log.SetOutput(os.Stderr)
	if len(os.Args) == 4 && os.Args[1] == "server" {
		server(os.Args[2], os.Args[3])
	} else if len(os.Args) == 6 && os.Args[1] == "client" {
		client(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	} else {
		os.Exit(64)
	}
}
