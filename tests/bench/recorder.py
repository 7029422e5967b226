"""recorder.py - what a program does to a folder, seen with strace, and what of it a disk would hold after a power cut.

The model: everything that was not synced is lost.

  data    of a file: what was written before the start of an fsync or fdatasync of it that has returned; or through a
          descriptor with O_SYNC or O_DSYNC
  names   'ordered', as ext4: each sync of anything makes all name changes before it durable
          'strict': only a sync of their folder does

It is the same for every program, whatever it is written in. What it cannot see ends the recording with an error: shared
writable mappings, io_uring, copies within the kernel, memory that no other process may read (the hub's own heap of
secrets: bench_store does without it here). One process, with threads; of children only that they start.
"""
import os
import pathlib
import re

CALLS = ('open,openat,openat2,creat,close,read,readv,pread64,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,'
         'fallocate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync,syncfs,'
         'mmap,lseek,dup,dup2,dup3,fcntl,sendfile,copy_file_range,io_uring_setup,io_submit,chdir')
UNSEEN = {'sendfile', 'copy_file_range', 'io_uring_setup', 'io_submit', 'pwritev', 'pwritev2', 'openat2', 'truncate'}


def strace(log):
    """The command line before the program's."""
    return ['strace', '-f', '--seccomp-bpf', '-qq', '-y', '-xx', '-ttt', '-T', '-s', str(1 << 22), '-e', 'signal=none',
            '-e', f'trace={CALLS}', '-o', str(log)]


class Inode:
    """A file: durable octets, and changes that are not yet."""

    def __init__(self, data=b''):
        self.durable, self.pending, self.size = bytearray(data), [], len(data)

    def write(self, at, data):
        """A change of the octets."""
        self.pending.append((at, data))
        self.size = max(self.size, at + len(data))

    def resize(self, size):
        """A change of the length."""
        self.pending.append((size, None))
        self.size = size

    def sync(self, count):
        """The first 'count' changes become durable."""
        for at, data in self.pending[:count]:
            end = at if data is None else at + len(data)
            if len(self.durable) < end:
                self.durable.extend(bytes(end - len(self.durable)))
            if data is None:
                del self.durable[at:]
            else:
                self.durable[at:end] = data
        del self.pending[:count]


class Disk:
    """A folder with all below it."""

    def __init__(self, root, strict=False, sync_works=True):
        self.root, self.strict, self.sync_works = str(root), strict, sync_works
        self.names, self.changes = {}, []
        for folder, _, files in os.walk(self.root):
            self.names[folder] = None
            for name in files:
                path = os.path.join(folder, name)
                self.names[path] = Inode(pathlib.Path(path).read_bytes())
        self.durable_names = dict(self.names)

    def holds(self, path):
        """Does it lie in the folder?"""
        return path == self.root or path.startswith(self.root + '/')

    @staticmethod
    def apply(names, change):
        """One change of names."""
        path, what, other = change
        if what == 'remove':
            names.pop(path, None)
        elif what == 'move':
            for old in [n for n in names if n == path or n.startswith(path + '/')]:
                names[other + old[len(path):]] = names.pop(old)
        else:
            names[path] = other

    def change(self, path, what, other=None):
        """Now, and durable later."""
        self.apply(self.names, (path, what, other))
        self.changes.append((path, what, other))

    def mark(self, path):
        """What a sync of this path that begins now would make durable; path None: of everything."""
        if path is None:
            files = [(n, len(n.pending)) for n in self.names.values() if n]
        else:
            inode = self.names.get(path)
            files = [(inode, len(inode.pending))] if inode else []
        return path, files, list(self.changes)

    def sync(self, marked):
        """It has returned."""
        path, files, changes = marked
        if not self.sync_works:
            return
        for inode, count in files:
            inode.sync(min(count, len(inode.pending)))
        for change in changes:
            folder = os.path.dirname(change[2] if change[1] == 'move' else change[0])
            if change in self.changes and (not self.strict or path is None or path == folder):
                self.apply(self.durable_names, change)
                self.changes.remove(change)

    def image(self):
        """What the disk holds if the power fails now: path below the root -> octets, None for a folder."""
        return {path[len(self.root) + 1:]: bytes(inode.durable) if inode else None
                for path, inode in self.durable_names.items() if path != self.root}


    def written(self):
        """What is there if only the program is killed."""
        octets = {}
        for path, inode in self.names.items():
            if path != self.root:
                whole = inode and Inode(inode.durable)
                if whole:
                    whole.pending = list(inode.pending)
                    whole.sync(len(whole.pending))
                octets[path[len(self.root) + 1:]] = bytes(whole.durable) if whole else None
        return octets


class Descriptor:
    """An open file of the folder."""

    def __init__(self, inode, append, synced):
        self.inode, self.append, self.synced, self.at = inode, append, synced, 0


ARGUMENT = re.compile(r'(?:"[^"]*"|<[^>]*>|\{[^}]*\}|\[[^\]]*\]|[^,"<{\[])+')


def split_arguments(text):
    """The arguments of a call; strings and paths have neither quotes nor brackets inside, being hexadecimal."""
    return [part.strip() for part in ARGUMENT.findall(text)]


def octets(text):
    """Of a quoted argument. A path behind a descriptor comes without quotes."""
    return bytes.fromhex(text.strip('"').replace('\\x', ''))


def written(text):
    """What a write writes."""
    if not text.startswith('"') or not text.endswith('"'):
        raise NotImplementedError('memory that strace cannot read, or a write that is too long for it')
    return octets(text)


LINE = re.compile(r'(\d+) +(\d+\.\d+) (.*)')
DONE = re.compile(r'(.*)\) += (-?\d+|\?|0x[0-9a-f]+)(?:<([^>]*)>)?[^<]*(?:<([\d.]+)>)?\Z', re.S)


class Recording:
    """Reads the log of strace and drives a Disk."""

    def __init__(self, disk, cwd):
        self.disk, self.cwd = disk, cwd
        self.descriptors = {}
        self.unfinished = {}  # by thread: text of the call so far, what it would sync

    # -- paths and descriptors ----------------------------------------------------------------------

    @staticmethod
    def descriptor_path(argument):
        """('3', '/a/b') of '3</a/b>'."""
        found = re.match(r'(-?\d+|AT_FDCWD)(?:<([^>]*)>)?', argument)
        path = octets(found[2]).decode(errors='replace') if found[2] else ''
        return found[1], path.removesuffix('(deleted)')

    def path(self, argument, folder=None):
        """The absolute path of a quoted argument, relative to an argument like AT_FDCWD</a>."""
        base = self.descriptor_path(folder)[1] if folder else self.cwd
        return os.path.normpath(os.path.join(base or self.cwd, octets(argument).decode(errors='replace')))

    def of(self, argument):
        """The Descriptor of '3</a/b>', or None if it is not of our folder."""
        return self.descriptors.get(self.descriptor_path(argument)[0])

    def opened(self, path, flags, result):
        """open has returned."""
        self.descriptors.pop(result, None)
        if not self.disk.holds(path) or (path in self.disk.names and self.disk.names[path] is None):
            return
        if path not in self.disk.names:
            if 'O_CREAT' not in flags:
                return
            self.disk.change(path, 'make', Inode())
        inode = self.disk.names[path]
        if 'O_TRUNC' in flags and inode.size:
            inode.resize(0)
        self.descriptors[result] = Descriptor(inode, 'O_APPEND' in flags, 'O_SYNC' in flags or 'O_DSYNC' in flags)

    def wrote(self, d, at, data):
        """A write has returned."""
        d.inode.write(at, data)
        if d.synced:
            d.inode.sync(len(d.inode.pending))

    # -- calls --------------------------------------------------------------------------------------

    def call(self, name, a, result, marked):
        """One call that has succeeded."""
        if name in ('open', 'creat'):
            self.opened(self.path(a[0]), a[1] if name == 'open' else 'O_CREAT|O_TRUNC', result)
        elif name == 'openat':
            self.opened(self.path(a[1], a[0]), a[2], result)
        elif name in ('fsync', 'fdatasync', 'sync', 'syncfs'):
            self.disk.sync(marked)
        elif name in ('rename', 'renameat', 'renameat2'):
            old, new = (self.path(a[0]), self.path(a[1])) if name == 'rename' else (
                self.path(a[1], a[0]), self.path(a[3], a[2]))
            if self.disk.holds(old) or self.disk.holds(new):
                self.disk.change(old, 'move', new)
        elif name in ('unlink', 'rmdir', 'unlinkat'):
            path = self.path(a[1], a[0]) if name == 'unlinkat' else self.path(a[0])
            if self.disk.holds(path):
                self.disk.change(path, 'remove')
        elif name in ('mkdir', 'mkdirat'):
            path = self.path(a[1], a[0]) if name == 'mkdirat' else self.path(a[0])
            if self.disk.holds(path):
                self.disk.change(path, 'make', None)
        elif name in ('link', 'linkat'):
            old, new = (self.path(a[0]), self.path(a[1])) if name == 'link' else (
                self.path(a[1], a[0]), self.path(a[3], a[2]))
            if self.disk.holds(new):
                self.disk.change(new, 'make', self.disk.names[old])
        elif name == 'chdir':
            self.cwd = self.path(a[0])
        else:
            self.descriptor_call(name, a, result)

    def descriptor_call(self, name, a, result):
        """One call on an open file that has succeeded."""
        if name == 'mmap':
            d = self.of(a[4]) if len(a) > 4 else None
            if d and 'MAP_SHARED' in a[3] and 'PROT_WRITE' in a[2]:
                raise NotImplementedError('a shared writable mapping of a data file')
            return
        d = self.of(a[0])
        if not d:
            return
        if name in UNSEEN:
            raise NotImplementedError(name)
        if name == 'close':
            del self.descriptors[self.descriptor_path(a[0])[0]]
        elif name in ('dup', 'dup2', 'dup3') or (name == 'fcntl' and 'F_DUPFD' in a[1]):
            self.descriptors[result] = d
        elif name in ('read', 'readv'):
            d.at += int(result)
        elif name == 'lseek':
            d.at = int(result)
        elif name == 'pwrite64':
            self.wrote(d, int(a[3]), written(a[1])[:int(result)])
        elif name in ('write', 'writev'):
            data = written(a[1]) if name == 'write' else b''.join(
                written(part) for part in re.findall(r'iov_base=([^,}]*)', a[1]))
            if d.append:
                d.at = d.inode.size
            self.wrote(d, d.at, data[:int(result)])
            d.at += int(result)
        elif name == 'ftruncate':
            d.inode.resize(int(a[1]))
        elif name == 'fallocate':
            if a[1] == '0':
                d.inode.resize(max(d.inode.size, int(a[2]) + int(a[3])))
            elif 'KEEP_SIZE' not in a[1] or 'PUNCH' in a[1]:
                raise NotImplementedError('fallocate ' + a[1])

    def begin(self, name, arguments):
        """What a sync that begins now covers."""
        if name in ('sync', 'syncfs'):
            return self.disk.mark(None)
        if name in ('fsync', 'fdatasync'):
            d, path = self.of(arguments[0]), self.descriptor_path(arguments[0])[1]
            if d:
                return (path, [(d.inode, len(d.inode.pending))], list(self.disk.changes))
            return self.disk.mark(path) if self.disk.holds(path) else (None, [], [])
        return None

    # -- the log ------------------------------------------------------------------------------------

    def line(self, thread, text):
        """One line without thread and time; applies what has completed."""
        resumed = re.match(r'<\.\.\. (\w+) resumed>', text)
        if resumed:
            before, marked = self.unfinished.pop(thread, (None, None))
            if before is None:
                return
            text = before + text[resumed.end():]
        else:
            marked = None
        name = re.match(r'\w+', text)
        if not name or text[name.end():name.end() + 1] != '(':
            return
        name, body = name[0], text[name.end() + 1:]
        if body.endswith('<unfinished ...>'):
            body = body[:-len('<unfinished ...>')].rstrip().rstrip(',')
            self.unfinished[thread] = (f'{name}({body}', self.begin(name, split_arguments(body)))
            return
        done = DONE.match(body)
        if not done or done[2] == '?' or done[2].startswith('-'):
            return
        arguments = split_arguments(done[1])
        self.call(name, arguments, done[2], marked or self.begin(name, arguments))

    def images(self, log, times):
        """Yields (time, image) for each time of 'times', ascending, in seconds since 1970."""
        times, at = sorted(times), 0
        with open(log, encoding='ascii', errors='replace') as lines:
            for line in lines:
                found = LINE.match(line.rstrip('\n'))
                if not found:
                    continue
                spent = re.search(r'<([\d.]+)>\Z', found[3])
                end = float(found[2]) + (float(spent[1]) if spent and '<... ' not in found[3][:5] else 0)
                while at < len(times) and times[at] < end:
                    yield times[at], self.disk.image()
                    at += 1
                self.line(found[1], found[3])
        for time in times[at:]:
            yield time, self.disk.image()

    def written(self):
        """After the last of 'images'."""
        return self.disk.written()
