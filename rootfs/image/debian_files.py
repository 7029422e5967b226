#!/usr/bin/python3
"""debian_files.py - what Debian's part of the image is made of: its packages, and the hash of each file that could run.

    debian_files.py packages DEB... >packages.json
    debian_files.py base TREE INITRD packages.json KERNEL >base.json

'packages' reads Debian's archives, 'base' hashes a tree that was unpacked from them, and an initrd. A file that could
run and that no package has is an error: what nobody lists, nobody looks after. sbom.py goes on from here.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile


def die(text):
    sys.exit(f'sbom: {text}')


def run(*command, data=None):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def usr(path):
    """/lib/x as the kernel names it on a system with a merged /usr."""
    return re.sub(r'^/(bin|sbin|lib|lib64)/', r'/usr/\1/', path)


# --- Debian's packages -----------------------------------------------------------------------------

def licences(text):
    """Short names of a machine-readable copyright file, as Debian writes them; none of a file in free words."""
    if 'copyright-format/1.0' not in text.split('\n\n')[0]:
        return []
    names = set()
    for line in re.findall(r'^License:[ \t]*(\S.*)$', text, re.M):
        names.update(n.strip(' ,') for n in re.split(r'\s+(?:and|or)\s+', line))
    return sorted(n for n in names if n and len(n) <= 60)


def read_deb(path):
    fields = {}
    for line in run('dpkg-deb', '-f', path).decode().splitlines():
        name, colon, value = line.partition(': ')
        if colon and not line.startswith(' '):
            fields[name] = value
    source = re.match(r'(\S+)(?: \((.*)\))?', fields.get('Source', fields['Package']))
    files, copyright_text = [], ''
    with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', path], stdout=subprocess.PIPE) as p:
        with tarfile.open(fileobj=p.stdout, mode='r|') as tar:
            for member in tar:
                name = usr(member.name[1:] if member.name.startswith('.') else '/' + member.name)
                if name == f'/usr/share/doc/{fields["Package"]}/copyright' and member.isfile():
                    copyright_text = tar.extractfile(member).read().decode('utf-8', 'replace')
                if member.isfile() or member.islnk():
                    files.append(name)
        p.stdout.read()
    return {'name': fields['Package'], 'version': fields['Version'], 'arch': fields['Architecture'],
            'source': source.group(1), 'source_version': source.group(2) or fields['Version'],
            'supplier': fields.get('Maintainer', 'Debian'), 'website': fields.get('Homepage', ''),
            'licences': licences(copyright_text), 'files': sorted(files)}


def packages(debs):
    json.dump(sorted((read_deb(d) for d in debs), key=lambda p: p['name']), sys.stdout, sort_keys=True)


# --- files -----------------------------------------------------------------------------------------

def sha256(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def kind_of(path, mode):
    """'elf', 'script' or 'module'; None: it cannot run. x alone says nothing: a tree may have it on any file."""
    with open(path, 'rb') as f:
        head = f.read(4)
    if path.endswith('.ko'):
        return 'module'
    if head == b'\x7fELF':
        return 'elf'
    return 'script' if mode & 0o111 and head[:2] == b'#!' else None


def code_of(tree):
    """(path in the image, path here, is it an ELF file) of all that could run."""
    for folder, folders, names in os.walk(tree):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            kind = kind_of(path, os.lstat(path).st_mode)
            if kind:
                yield usr('/' + os.path.relpath(path, tree)), path, kind != 'script'


def debian_component(p):
    arch = p['arch']
    return {'id': f'deb/{p["name"]}', 'name': p['name'], 'version': p['version'],
            'purl': f'pkg:deb/debian/{p["name"]}@{p["version"].replace(":", "%3A").replace("+", "%2B")}'
                    f'?arch={arch}&distro=debian-13',
            'source': p['source'], 'source_version': p['source_version'], 'supplier': p['supplier'],
            'website': p['website'], 'licences': p['licences'], 'technique': 'manifest-analysis'}


def initrd_files(initrd, image):
    for path, here, _elf in code_of(initrd):
        if path.endswith('.ko'):
            owner = f'deb/{image}'
        else:
            owner = 'deb/busybox-static' if path.endswith('/busybox') else 'own/hub-initrd'
        yield ['initrd:' + path, sha256(here), owner, True]


def base(tree, initrd, packages_json, kernel):
    with open(packages_json, encoding='utf-8') as f:
        listed = json.load(f)
    owner, files = {}, []
    for p in listed:
        for name in p['files']:
            owner[re.sub(r'\.xz$', '', name) if '.ko' in name else name] = p['name']
    for path, here, elf in code_of(tree):
        if path not in owner:
            die(f'{path}: no package has this file')
        files.append([path, sha256(here), f'deb/{owner[path]}', elf])
    image = [p['name'] for p in listed if re.match(r'linux-image-\d', p['name'])][0]
    files.append(['kernel:', sha256(kernel), f'deb/{image}', True])
    files.extend(initrd_files(initrd, image))
    # also what has no program: it is part of the product, and somebody must know
    json.dump({'components': [debian_component(p) for p in listed], 'files': files}, sys.stdout, sort_keys=True)


def main():
    if len(sys.argv) > 2 and sys.argv[1] == 'packages':
        packages(sys.argv[2:])
    elif len(sys.argv) == 6 and sys.argv[1] == 'base':
        base(*sys.argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
