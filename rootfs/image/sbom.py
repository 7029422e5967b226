#!/usr/bin/python3
"""sbom.py - what is in the image: manifest.bin for the hub, sbom.cdx.json and facts.json for people, and a signature.

    sbom.py --base base.json --tree TREE --out DIR [--deps PREFIX] [--key KEY.pem]

Takes what debian_files.py found, adds TREE with our own programs, and writes DIR: manifest.bin, sbom.cdx.json
(CycloneDX 1.6), facts.json, image.cose, build.pub. The same input gives the same bytes, apart from the signature.

manifest.bin, all numbers big-endian (hub/core/image.h reads it):
    8   "HUBIMG1\\0"
    4   records        4   components
    32  SHA-256 of sbom.cdx.json
    then 72 octets for each file, ascending: SHA-256 of its path, SHA-256 of its content, component u32, flags u32
A module of the kernel has a second record under the path "module:NAME", and the kernel itself one under "kernel:".
image.cose is a COSE_Sign1 (ES256, external_aad "hub/v1/image") over [1, product, version, SHA-256 of manifest.bin,
SHA-256 of sbom.cdx.json, SHA-256 of facts.json].
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid

from debian_files import code_of, debian_component, die, run, sha256

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
LIBEXEC = '/usr/libexec/hub/'
PRODUCT = 'telehealth-hub'
MAGIC = b'HUBIMG1\0'
MAY_EXECUTE, EXPOSED, HUB, MODULE = 1, 2, 4, 8


# --- our own ---------------------------------------------------------------------------------------

def host_package(path):
    """A library that twin.sh took from this machine."""
    for name in (path, re.sub(r'^/usr', '', path)):
        found = subprocess.run(['dpkg', '-S', name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if found.returncode == 0:
            package = found.stdout.decode().split(':')[0]
            fields = run('dpkg-query', '-W', '-f', '${Package}\t${Version}\t${Architecture}\t${source:Package}\t'
                         '${source:Version}\t${Maintainer}\t${Homepage}', package).decode().split('\t')
            names = ('name', 'version', 'arch', 'source', 'source_version', 'supplier', 'website')
            return debian_component(dict(zip(names, fields), licences=[]))
    return None


def pinned():
    """What rootfs/deps and rootfs/bluez build: name -> component."""
    found = {}
    with open(f'{TOP}/rootfs/deps/pins', encoding='utf-8') as f:
        for line in f:
            if not line.startswith('#') and line.strip():
                name, version, archive, digest = line.split()
                found[name] = (version, archive, digest)
    with open(f'{TOP}/rootfs/bluez/bluez.sh', encoding='utf-8') as f:
        text = f.read()
    version = re.search(r'^version=(\S+)', text, re.M).group(1)
    found['bluez'] = (version, f'bluez_{version}.orig.tar.gz', re.search(r'^sha256=(\S+)', text, re.M).group(1))
    about = {'wolfssl': ('wolfSSL Inc.', 'https://www.wolfssl.com', 'GPL-3.0-or-later', 'wolfssl'),
             'libcoap': ('The libcoap project', 'https://libcoap.net', 'BSD-2-Clause', 'libcoap3'),
             'sqlcipher': ('Zetetic LLC', 'https://www.zetetic.net/sqlcipher', 'BSD-3-Clause', 'sqlcipher'),
             'bluez': ('The BlueZ project', 'http://www.bluez.org', 'GPL-2.0-or-later', 'bluez')}
    return {name: {'id': f'own/{name}', 'name': name, 'version': version, 'purl': f'pkg:generic/{name}@{version}',
                   'source': about[name][3], 'source_version': version, 'supplier': about[name][0],
                   'website': about[name][1], 'licences': [about[name][2]], 'technique': 'hash-comparison',
                   'archive': [archive, digest]}
            for name, (version, archive, digest) in found.items()}


def version_of_ours():
    with open(f'{TOP}/Makefile', encoding='utf-8') as f:
        return re.search(r'^VERSION := (\S+)', f.read(), re.M).group(1)


def our_component(name, version):
    return {'id': f'own/{name}', 'name': name, 'version': version, 'purl': f'pkg:generic/{PRODUCT}/{name}@{version}',
            'source': PRODUCT, 'source_version': version, 'supplier': 'This project', 'website': '',
            'licences': ['GPL-3.0-or-later'], 'technique': 'hash-comparison'}


def owner_of(path, components):
    """The component of a file that no Debian package of the base has; made if need be."""
    if path == f'{LIBEXEC}bluetoothd':
        name = 'own/bluez'
    elif path.startswith(LIBEXEC):
        name = f'own/{os.path.basename(path)}'
    elif path.startswith('/usr/lib/hub-bench/'):
        name = 'own/hub-bench'
    else:
        c = host_package(path) or die(f'{path}: no component has this file')
        return components.setdefault(c['id'], c)['id']
    if name not in components:
        components[name] = our_component(name[4:], version_of_ours())
    return name


def read_linked(tree):
    """Which archives are in which program: {'own/hub-coap': ['own/libcoap', 'own/wolfssl']}."""
    path = tree + '/usr/lib/hub/linked'
    linked = {}
    if os.path.exists(path):
        with open(path, encoding='utf-8') as f:
            for line in f:
                program, *archives = line.split()
                names = {re.sub(r'^lib|\.a$', '', a) for a in archives}
                linked[f'own/{program}'] = sorted(
                    {'own/' + {'coap-client': 'libcoap', 'coap-server': 'libcoap'}.get(n, n) for n in names})
    return linked


def feature_list(path, wanted=None):
    """Macros that are on in a header."""
    on = set()
    with open(path, encoding='utf-8', errors='replace') as f:
        for line in f:
            m = re.match(r'\s*#\s*(define|undef)\s+(\w+)(?:\s+(\S+))?', line)
            if not m or (wanted and not re.match(wanted, m.group(2))):
                continue
            if m.group(1) == 'undef' or m.group(3) == '0':
                on.discard(m.group(2))
            else:
                on.add(m.group(2))
    return sorted(on)


def facts(deps, components, linked):
    """What was compiled in and out, for 'vulnerable code not present'."""
    features = {}
    if deps:
        features['wolfssl'] = feature_list(f'{deps}/include/wolfssl/options.h')
        features['libcoap'] = feature_list(f'{deps}/include/coap3/coap_defines.h', r'(COAP|HAVE)_')
        with open(f'{TOP}/rootfs/deps/deps.sh', encoding='utf-8') as f:
            recipe = re.search(r'^build_sqlcipher\(\).*?^# --- ', f.read(), re.M | re.S).group(0)
        features['sqlcipher'] = sorted(set(re.findall(r'-D(\w+(?:=[\w]+)?)', recipe)))
    libuv = [c for c in components.values() if c['source'] == 'libuv1']
    if libuv:
        # Debian's build has no switches; what there is to know is the version
        features['libuv'] = [f'DEBIAN_{libuv[0]["version"]}']
    return {'features': features, 'linked': linked, 'enforced': {'exec': False, 'dlopen': False}}


# --- what comes out --------------------------------------------------------------------------------

def bom_ref(c):
    return c['id']


def cyclonedx_component(c, files):
    out = {'type': 'application' if c['id'].startswith('own/hub') else 'library', 'bom-ref': bom_ref(c),
           'supplier': {'name': c['supplier']}, 'name': c['name'], 'version': c['version'], 'purl': c['purl'],
           'properties': [{'name': 'hub:source', 'value': c['source']},
                          {'name': 'hub:source-version', 'value': c['source_version']}],
           'evidence': {'identity': [{'field': 'purl', 'confidence': 1,
                                      'methods': [{'technique': c['technique'], 'confidence': 1}]}]}}
    if c['licences']:
        out['licenses'] = [{'license': {'name': name}} for name in c['licences']]
    if c.get('website'):
        out['externalReferences'] = [{'type': 'website', 'url': c['website']}]
    if c.get('archive'):
        out['hashes'] = [{'alg': 'SHA-256', 'content': c['archive'][1]}]
        out['properties'].append({'name': 'hub:archive', 'value': c['archive'][0]})
    if files:
        out['components'] = [{'type': 'file', 'bom-ref': f'file:{path}', 'name': path,
                              'hashes': [{'alg': 'SHA-256', 'content': digest}]} for path, digest in files]
    return out


def cyclonedx(components, files, linked, version):
    of = {}
    for path, digest, component, elf in files:
        if elf or path == 'kernel:' or path.startswith(LIBEXEC):
            of.setdefault(component, []).append((path, digest))
    bom = {'$schema': 'http://cyclonedx.org/schema/bom-1.6.schema.json', 'bomFormat': 'CycloneDX', 'specVersion': '1.6',
           'version': 1,
           'metadata': {'lifecycles': [{'phase': 'build'}],
                        'component': {'type': 'firmware', 'bom-ref': PRODUCT, 'name': PRODUCT, 'version': version,
                                      'supplier': {'name': 'This project'},
                                      'purl': f'pkg:generic/{PRODUCT}@{version}'}},
           # the position of a component is its number in manifest.bin
           'components': [cyclonedx_component(c, of.get(c['id'])) for c in components],
           'dependencies': [{'ref': PRODUCT, 'dependsOn': [bom_ref(c) for c in components]}] +
                           [{'ref': p, 'dependsOn': libraries} for p, libraries in sorted(linked.items()) if libraries]}
    text = json.dumps(bom, sort_keys=True)
    bom['serialNumber'] = 'urn:uuid:' + str(uuid.uuid5(uuid.NAMESPACE_URL, text))
    return json.dumps(bom, sort_keys=True, indent=1).encode() + b'\n'


def exposed_programs():
    """rootfs/image/exposed: programs that outside bytes reach, one path a line."""
    with open(f'{HERE}/exposed', encoding='utf-8') as f:
        return {line.split('#')[0].strip() for line in f} - {''}


def manifest(files, index, sbom):
    exposed, records = exposed_programs(), []
    for path, digest, component, _elf in files:
        flags = MAY_EXECUTE
        flags |= EXPOSED if path in exposed or path == 'kernel:' else 0
        flags |= HUB if path.startswith(LIBEXEC) else 0
        names = [(path, flags)]
        if path.endswith('.ko'):
            module = 'module:' + os.path.basename(path)[:-3].replace('-', '_')
            names = [(path, flags | MODULE), (module, flags | MODULE)]
        for name, f in names:
            records.append(hashlib.sha256(name.encode()).digest() + bytes.fromhex(digest) +
                           index[component].to_bytes(4, 'big') + f.to_bytes(4, 'big'))
    records = sorted(set(records))
    return (MAGIC + len(records).to_bytes(4, 'big') + len(index).to_bytes(4, 'big') + hashlib.sha256(sbom).digest() +
            b''.join(records))


def cbor(value):
    """Deterministic CBOR of what image.cose needs."""
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        size = 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4
        return bytes([major << 5 | 23 + {1: 1, 2: 2, 4: 3}[size]]) + n.to_bytes(size, 'big')
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict) and not value:
        return head(5, 0)
    return head(4, len(value)) + b''.join(cbor(v) for v in value)


def raw_signature(der):
    """ECDSA-Sig-Value to r || s."""
    out, at = b'', 2
    for _ in range(2):
        n = der[at + 1]
        out += int.from_bytes(der[at + 2:at + 2 + n], 'big').to_bytes(32, 'big')
        at += 2 + n
    return out


def build_key(given):
    if given:
        return given
    path = os.path.join(os.environ.get('HUB_CACHE') or
                        os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), PRODUCT),
                        'development-build.key')
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        old = os.umask(0o077)
        run('openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path)
        os.umask(old)
    print(f'sbom: SIGNED WITH A DEVELOPMENT KEY, {path}: never for a device that leaves this room (HUB_BUILD_KEY names '
          'the real one)', file=sys.stderr)
    return path


def signed(key, payload):
    protected = b'\xa1\x01\x26'
    tbs = cbor(['Signature1', protected, b'hub/v1/image', payload])
    return cbor([protected, {}, payload, raw_signature(run('openssl', 'dgst', '-sha256', '-sign', key, data=tbs))])


def public_point(key):
    """04 || x || y, the end of a SubjectPublicKeyInfo."""
    return run('openssl', 'pkey', '-in', key, '-pubout', '-outform', 'DER')[-65:]


def make(args):
    with open(args.base, encoding='utf-8') as f:
        from_base = json.load(f)
    components = {c['id']: c for c in from_base['components']}
    files = {path: [path, digest, component, elf] for path, digest, component, elf in from_base['files']}
    for name in {f[2] for f in files.values()} - components.keys():
        components[name] = our_component(name[4:], version_of_ours())
    linked = read_linked(args.tree)
    builds = pinned()
    for name in {n for names in linked.values() for n in names}:
        components[name] = builds[name[4:]]
    if os.path.exists(args.tree + LIBEXEC + 'bluetoothd'):
        components['own/bluez'] = builds['bluez']
    for path, here, elf in code_of(args.tree):
        if not args.stray or not path.startswith(args.stray):
            files[path] = [path, sha256(here), owner_of(path, components), elf]
    ordered = sorted(components.values(), key=lambda c: c['id'])
    listed = [files[path] for path in sorted(files)]
    version = version_of_ours()
    sbom = cyclonedx(ordered, listed, linked, version)
    fact = json.dumps(facts(args.deps, components, linked), sort_keys=True, indent=1).encode() + b'\n'
    man = manifest(listed, {c['id']: i for i, c in enumerate(ordered)}, sbom)
    key = build_key(args.key or os.environ.get('HUB_BUILD_KEY'))
    payload = cbor([1, PRODUCT, version] + [hashlib.sha256(b).digest() for b in (man, sbom, fact)])
    os.makedirs(args.out, exist_ok=True)
    for name, data in (('manifest.bin', man), ('sbom.cdx.json', sbom), ('facts.json', fact),
                       ('image.cose', signed(key, payload)), ('build.pub', public_point(key))):
        with open(os.path.join(args.out, name), 'wb') as f:
            f.write(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    for name in ('--base', '--tree', '--out'):
        parser.add_argument(name, required=True)
    for name in ('--deps', '--key'):
        parser.add_argument(name)
    parser.add_argument('--stray', help='what is below it nobody built: not in the list')
    make(parser.parse_args())


if __name__ == '__main__':
    main()
