#!/usr/bin/python3
"""Hold our decoders against other people's: the same values to both, every difference must have a rule.

    compare.py [-n INPUTS] [-s SEED] [-v] DECODE_LINES [CHARACTERISTIC...]

DECODE_LINES is the program made of decode_lines.c. Values are made at random (layouts.py), the same ones for the same
seed. One line for each peer and characteristic:

    2A35   labmcp-ble-health  100000 inputs,  83000 valid,  99000 agree, 0 unexplained; CLASS 900, CLASS 100

'valid' is what our decoder accepts; the classes are rules.py's, and a value may be of several. Exit status 1 if
anything is unexplained; the first of those are shown, as decode_lines takes them.
"""
import argparse
import datetime
import gc
import math
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import by_hand
import layouts
import libraries
import rules

HERE = Path(__file__).parent
MARK_TAIL, MARK_IMPLAUSIBLE, MARK_CLOCK_UNSET, MARK_STORED = 1 << 0, 1 << 1, 1 << 9, 1 << 12
EPOCH = datetime.datetime(1970, 1, 1)
WITH_CRC = ('2AA7', '2AA8', '2AA9', '2AAA')
EXACT = ('2A9D', '2A9C', '2AA8')  # ours refuses longer ones
EXHAUSTIVE = {'sfloat': 65536}
SHOWN = 3


class Case:
    """One value and what both sides made of it."""

    def __init__(self, name, raw, has_crc):
        """ours, theirs: a dict, or None if refused; error: why ours refused; refusal: why theirs did."""
        self.name, self.raw, self.has_crc = name, raw, has_crc
        self.ours = self.theirs = None
        self.error = self.refusal = ''
        self.stop = None  # 2AA7: number of the record at which ours stopped

    def __str__(self):
        """For a person who looks into it."""
        return (f'{self.name} {int(self.has_crc)} {self.raw.hex() or "-"}\n      ours   {self.ours} {self.error}'
                f'\n      theirs {self.theirs} {self.refusal}')


# ---- our side --------------------------------------------------------------------------------------

def number(text):
    """'163e-1' as (163, -1); a special kind stays a word."""
    mantissa, e, exponent = text.partition('e')
    if e and exponent[-1:].isdigit():
        return int(mantissa), int(exponent)
    return text


def words(text):
    """One record of a line of decode_lines."""
    found = {}
    for word in text.split():
        key, _, value = word.partition('=')
        if key == 'v':
            name, amount, unit = value.split(',')
            if name == 'RR_interval':
                found.setdefault(name, []).append(number(amount)[0])
            elif name.startswith('MDC'):
                found.setdefault('values', []).append((name, number(amount), unit))
            else:
                found[name] = number(amount), unit
        elif key in ('t', 'id'):
            found[key] = value
        else:
            found[key] = int(value)
    return found


def read_ours(case, line):
    """Put a line of decode_lines into a case."""
    if case.name != '2AA7':
        if line.startswith('err'):
            case.error = line[4:]
        else:
            case.ours = words(line)
        return
    case.ours = {}
    for i, record in enumerate(line.split('| ')):
        if record.startswith('err'):
            case.stop, case.error = i, record[4:]
            break
        found = words(record)
        found.pop('utc'), found.pop('marks')
        case.ours.update((f'{i}:{key}', value) for key, value in found.items())
    if case.stop == 0:
        case.ours = None


def run_ours(program, cases):
    """All cases through decode_lines."""
    text = ''.join(f'{c.name} {int(c.has_crc)} {c.raw.hex() or "-"}\n' for c in cases)
    answer = subprocess.run([program], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    lines = answer.split('\n')[:-1]
    if len(lines) != len(cases):
        raise SystemExit(f'{program}: {len(lines)} answers to {len(cases)} values')
    for case, line in zip(cases, lines):
        read_ours(case, line)


# ---- comparing -------------------------------------------------------------------------------------

def milliseconds(t, fraction):
    """A date as our clock decoder says it."""
    year, rest = int(t[:4]), t[4:]
    if year == 0:
        return None
    when = datetime.datetime.fromisoformat(f'{year:04d}{rest}')
    return (when - EPOCH) // datetime.timedelta(milliseconds=1) + fraction * 1000 // 256


def same_terms(case):
    """What the two sides say in different ways but mean alike."""
    ours, theirs = dict(case.ours), dict(case.theirs)
    if case.name in by_hand.SPEAKS:
        ours['marks'] &= ~MARK_IMPLAUSIBLE & ~MARK_STORED
        theirs['marks'] &= ~MARK_IMPLAUSIBLE
        return ours, theirs
    marks = ours.pop('marks', 0)
    ours.pop('utc', None)
    for key in ('status', 'device_status'):  # absent, or no bit: one to a list of names
        if theirs.get(key) == 0 and key not in ours:
            del theirs[key]
    if 'clock_unset' in theirs:
        ours['clock_unset'] = bool(marks & MARK_CLOCK_UNSET)
    if case.name in ('2A2B', '2A08'):
        ours.pop('resolution')
        t = theirs.pop('t', None)
        theirs = {'ms': milliseconds(t, theirs.get('fraction', 0))} if t else {}
    if case.name == '2A52':
        operand = theirs.pop('operand')
        theirs.pop('operator')
        if theirs['opcode'] == 6:
            theirs.update(request=operand[0], code=operand[1], count=0)
        else:
            theirs.update(request=ours['request'], code=0, count=int.from_bytes(operand, 'little'))
    return ours, theirs


def same_number(ours, theirs):
    """Our decimal against a float, or two special values."""
    if isinstance(theirs, str):
        return ours == theirs
    if isinstance(ours, str):
        return {'NaN': math.isnan(theirs), '+INF': theirs == math.inf, '-INF': theirs == -math.inf}.get(ours, False)
    return math.isclose(float(f'{ours[0]}e{ours[1]}'), theirs, rel_tol=1e-9, abs_tol=0)


def same(ours, theirs):
    """One word of both."""
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return ours[1] == theirs[1] and same_number(ours[0], theirs[0])
    return ours == theirs


def differences(case):
    """The words that are not the same: (key, ours, theirs); '*' if one side refuses the whole."""
    if case.ours is None and case.theirs is None:
        return []
    if case.ours is None or case.theirs is None:
        return [('*', case.ours, case.theirs)]
    ours, theirs = same_terms(case)
    return [(key, ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys()
            if not same(ours.get(key), theirs.get(key))]


def length_is_right(case):
    """Is ours refused for its length, or marked as having a tail, when the table says so?"""
    if case.name not in layouts.TABLES and case.name != '2A37':
        return True
    needed, length = layouts.need(case.name, case.raw, case.has_crc), len(case.raw)
    short = length < needed
    if case.name in EXACT:
        short = length != needed
    elif case.name == '2A37' and not short and case.raw[0] & 16:
        return ((length - needed) % 2 == 1) == (case.error == 'EMSGSIZE')
    if case.ours is None:
        return (case.error == 'EMSGSIZE') == short
    if 'marks' not in case.ours:
        return not short
    return not short and bool(case.ours['marks'] & MARK_TAIL) == (length > needed)


def classes_of(peer, case):
    """The rules that explain a case; None if one difference has none."""
    found = set()
    for difference in differences(case):
        for rule in rules.RULES[peer]:
            if rule.explains(case, *difference):
                found.add(rule.name)
                break
        else:
            return None
    return found


# ---- running ---------------------------------------------------------------------------------------

def make_cases(name, count, seed):
    """The values for one characteristic."""
    maker = layouts.Maker(f'{seed}:{name}')
    if name in EXHAUSTIVE:
        return [Case(name, i.to_bytes(2, 'little'), False) for i in range(EXHAUSTIVE[name])]
    if name == 'float':
        return [Case(name, maker.float(), False) for _ in range(count)]
    if name in by_hand.SPEAKS:
        return [Case(name, by_hand.value(maker, name), False) for _ in range(count)]
    crc = [name in WITH_CRC and i % 2 == 1 for i in range(count)]
    return [Case(name, maker.value(name, has_crc), has_crc) for has_crc in crc]


def run_one(job):
    """One characteristic with all the peers that speak it: a list of rows."""
    program, folder, name, count, seed = job
    if folder not in sys.path:
        libraries.use(folder)
    peers = [peer() for peer in (libraries.Labmcp, libraries.BluetoothSig, by_hand.ByHand) if name in peer.SPEAKS]
    cases = make_cases(name, count, seed)
    run_ours(program, cases)
    wrong_length = [str(case) for case in cases if not length_is_right(case)]
    rows = []
    for peer in peers:
        agree, explained, odd = 0, Counter(), []
        for case in cases:
            case.theirs, case.refusal = None, ''
            try:
                case.theirs = peer.decode(name, case.raw, case.has_crc)
            except libraries.Refused as e:
                case.refusal = str(e)
            found = classes_of(peer.NAME, case)
            if found is None:
                odd.append(str(case))
            elif found:
                explained.update(found)
            else:
                agree += 1
        rows.append({'name': name, 'peer': peer.NAME, 'inputs': len(cases),
                     'valid': sum(case.ours is not None for case in cases), 'agree': agree, 'explained': explained,
                     'odd': odd + [f'length: {text}' for text in wrong_length]})
    return rows


def print_row(row):
    """For people."""
    classes = ', '.join(f'{name} {count}' for name, count in row['explained'].most_common())
    print(f"{row['name']:6} {row['peer']:18} {row['inputs']:6} inputs, {row['valid']:6} valid, {row['agree']:6} agree, "
          f"{len(row['odd'])} unexplained; {classes or 'no differences'}", flush=True)
    for text in row['odd'][:SHOWN]:
        print(f'    {text}')


def main():
    """Run the jobs, one per core."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-n', type=int, default=100000, help='values for each characteristic (100000)')
    parser.add_argument('-s', default='1', help='seed')
    parser.add_argument('-v', action='store_true', help='explain the classes')
    parser.add_argument('program')
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    folder = subprocess.run([HERE / 'libraries.sh', 'path'], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    known = sorted({*libraries.Labmcp.SPEAKS, *libraries.BluetoothSig.SPEAKS, *by_hand.SPEAKS})
    if not (Path(folder) / 'complete').exists():
        parser.error(f'no libraries in {folder}; run libraries.sh install')
    start, failed, total = time.monotonic(), False, 0
    print(f'peers: seed {args.s}')
    jobs = [(args.program, folder, name, args.n, args.s) for name in args.names or known]
    seen = set()
    with multiprocessing.Pool(initializer=gc.disable) as pool:  # nothing here has cycles
        for rows in pool.imap(run_one, jobs):
            for row in rows:
                print_row(row)
                failed |= bool(row['odd'])
                total += row['inputs']
                seen.update((row['peer'], name) for name in row['explained'])
    if args.v:
        for peer, rule_list in rules.RULES.items():
            for rule in rule_list:
                if (peer, rule.name) in seen:
                    print(f'{peer} {rule.name}: {rule.why} [{rule.clause}]')
    print(f"peers: {total} comparisons in {time.monotonic() - start:.0f} s: {'NOT all' if failed else 'all'} explained")
    return failed


if __name__ == '__main__':
    sys.exit(main())
