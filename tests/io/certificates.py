#!/usr/bin/python3
"""certificates.py - a table of certificates that must be refused, each for one reason, and those that are good.

usage: certificates.py DIR

Makes, with the openssl program: root.crt, server.key, hub.key, and for each row server-NAME.crt and hub-NAME.crt (leaf
first, then what it needs of a chain). All leaves of a side have one key, so that pin and row fit every one of them.
'rsa-leaf' has a key of its own. What each is, stands in the tables below.
"""
import hashlib
import pathlib
import subprocess
import sys

NAME = 'clinic.test'
CONFIG = '''[ca]
default_ca = d
[d]
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
policy = p
unique_subject = no
[p]
commonName = optional
'''
LEAF = {'basicConstraints': 'critical,CA:FALSE', 'keyUsage': 'critical,digitalSignature'}
CA = {'basicConstraints': 'critical,CA:TRUE', 'keyUsage': 'critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier': 'hash', 'authorityKeyIdentifier': 'keyid'}
FILLERS = 12  # certificates of 1.4 KB
WHEN = {'now': ('20260101000000Z', '20400101000000Z'), 'expired': ('20200101000000Z', '20260601000000Z'),
        'not-yet': ('20390101000000Z', '20400101000000Z')}


class Maker:
    """One folder of keys and certificates."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        (self.dir / 'index.txt').touch()
        (self.dir / 'ca.cnf').write_text(CONFIG.format(dir=self.dir))

    def openssl(self, *arguments):
        """Run it; what it says matters only if it fails."""
        done = subprocess.run(['openssl', *map(str, arguments)], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        if done.returncode:
            sys.exit(f'openssl {arguments}: {done.stdout.decode()}')

    def key(self, name, *kind):
        """A new key NAME.key."""
        self.openssl('genpkey', '-out', name + '.key', '-algorithm', *(kind or ('EC', '-pkeyopt', 'ec_paramgen_curve:P-256')))

    def issue(self, name, key, extensions, issuer='root', subject=NAME, when='now', md='sha256'):
        """A certificate NAME.crt of KEY.key, signed by ISSUER; issuer None: by itself."""
        (self.dir / 'ext').write_text(''.join(f'{k} = {v}\n' for k, v in extensions.items()))
        self.openssl('req', '-new', '-key', key + '.key', '-subj', '/CN=' + subject, '-out', 'csr')
        signer = ['-selfsign', '-keyfile', key + '.key'] if issuer is None else \
            ['-cert', issuer + '.crt', '-keyfile', issuer + '.key']
        self.openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', *signer, '-in', 'csr', '-out', name + '.crt',
                     '-extfile', 'ext', '-startdate', WHEN[when][0], '-enddate', WHEN[when][1], '-md', md)

    def chain(self, name, *more):
        """Append certificates to NAME.crt."""
        text = ''.join((self.dir / (m + '.crt')).read_text() for m in (name, *more))
        (self.dir / (name + '.crt')).write_text(text)

    def cut_digest(self, name, octets):
        """Sign NAME.crt again, over so many octets of its SHA-256, as if that were a digest."""
        pem = (self.dir / (name + '.crt')).read_text()
        der = subprocess.run(['openssl', 'x509', '-outform', 'DER'], input=pem.encode(), capture_output=True,
                             check=True).stdout
        body, algorithm = items(content(der))[:2]
        (self.dir / 'digest').write_bytes(hashlib.sha256(body).digest()[:octets])
        self.openssl('pkeyutl', '-sign', '-inkey', 'root.key', '-in', 'digest', '-out', 'signature')
        signature = (self.dir / 'signature').read_bytes()
        (self.dir / 'der').write_bytes(wrap(0x30, body + algorithm + wrap(0x03, b'\0' + signature)))
        self.openssl('x509', '-inform', 'DER', '-in', 'der', '-out', name + '.crt')


def header(der):
    """Length of tag and length, and of what they announce."""
    if der[1] < 0x80:
        return 2, der[1]
    n = der[1] & 0x7f
    return 2 + n, int.from_bytes(der[2:2 + n], 'big')


def content(der):
    """What is inside an item."""
    start, length = header(der)
    return der[start:start + length]


def items(der):
    """The items in a row of them, each with its header."""
    found = []
    while der:
        end = sum(header(der))
        found.append(der[:end])
        der = der[end:]
    return found


def wrap(tag, inside):
    """An item."""
    n = len(inside)
    length = bytes([n]) if n < 0x80 else bytes([0x82]) + n.to_bytes(2, 'big')
    return bytes([tag]) + length + inside


def leaf(use, san=None):
    """Extensions of a leaf; use '': no extended key usage."""
    more = {}
    if use:
        more['extendedKeyUsage'] = use
    if san:
        more['subjectAltName'] = san
    return {**LEAF, **more}


def make_side(m, side, use, wrong_use, san):
    """What both sides have: every certificate is of SIDE.key and good but for one thing."""
    good = leaf(use, san)
    m.key(side)
    m.issue(f'{side}-good', side, good)
    m.issue(f'{side}-other-ca', side, good, issuer='other')
    m.issue(f'{side}-self-signed', side, good, issuer=None)
    m.issue(f'{side}-expired', side, good, when='expired')
    m.issue(f'{side}-not-yet', side, good, when='not-yet')
    m.issue(f'{side}-ca-as-leaf', side, {**CA, **({'subjectAltName': san} if san else {})})
    m.issue(f'{side}-ca-and-leaf', side, {**CA, **good, 'basicConstraints': CA['basicConstraints'],
                                          'keyUsage': 'critical,digitalSignature,keyCertSign'})
    m.issue(f'{side}-wrong-use', side, leaf(wrong_use, san))
    m.issue(f'{side}-sha1', side, good, md='sha1')
    m.issue(f'{side}-sha224', side, good, md='sha224')
    for octets in (20, 28, 4):
        m.issue(f'{side}-digest-{octets}', side, good)
        m.cut_digest(f'{side}-digest-{octets}', octets)
    m.issue(f'{side}-by-leaf', side, good, issuer='leaf')
    m.chain(f'{side}-by-leaf', 'leaf')
    m.issue(f'{side}-by-rsa', side, good, issuer='rsa')
    m.chain(f'{side}-by-rsa', 'rsa')
    m.issue(f'{side}-by-p384', side, good, issuer='p384')
    m.chain(f'{side}-by-p384', 'p384')
    m.issue(f'{side}-long-chain', side, good)
    m.chain(f'{side}-long-chain', *['filler'] * FILLERS)
    m.issue(f'{side}-intermediate', side, good, issuer='intermediate')
    m.chain(f'{side}-intermediate', 'intermediate')


def make_issuers(m):
    """Who signs."""
    for name in ('root', 'other', 'intermediate', 'leaf'):
        m.key(name)
    m.key('rsa', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
    m.key('p384', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384')
    for name in ('root', 'other'):
        m.issue(name, name, {k: v for k, v in CA.items() if k != 'authorityKeyIdentifier'}, issuer=None,
                subject='Test root')
    for name in ('intermediate', 'rsa', 'p384'):
        m.issue(name, name, CA, subject='Test ' + name)
    m.issue('leaf', 'leaf', leaf('serverAuth,clientAuth'), subject='Test leaf')
    m.issue('filler', 'intermediate', {**CA, 'nsComment': '"' + 'x' * 900 + '"'}, subject='Test filler')


def main():
    """All of them."""
    m = Maker(sys.argv[1])
    make_issuers(m)
    make_side(m, 'server', 'serverAuth', 'clientAuth', 'DNS:' + NAME)
    make_side(m, 'hub', 'clientAuth', 'serverAuth', None)
    for name, san, subject in (('name-case', 'DNS:Clinic.Test', NAME), ('name-wildcard', 'DNS:*.test', NAME),
                               ('name-longer', 'DNS:x' + NAME, NAME), ('name-dot', f'DNS:{NAME}.', NAME),
                               ('name-uri', 'URI:coaps://' + NAME, NAME), ('name-email', f'email:a@{NAME}', NAME),
                               ('name-cn-only', None, NAME), ('name-second', f'DNS:other.test,DNS:{NAME}', 'x')):
        m.issue('server-' + name, 'server', leaf('serverAuth', san), subject=subject)
    m.key('rsa-leaf', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
    m.issue('server-rsa-leaf', 'rsa-leaf', leaf('serverAuth', 'DNS:' + NAME))


if __name__ == '__main__':
    main()
