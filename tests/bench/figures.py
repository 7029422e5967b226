"""figures.py - one line for each figure, the same for all benches.

    bench <name> <value> <unit> [target <op><number> <ok|short>]
    # <what explains it>
"""
import operator

OPERATORS = {'<=': operator.le, '>=': operator.ge, '>': operator.gt}


def text(value):
    """With as many digits as say something."""
    if value == int(value):
        return f'{value:.0f}'
    return f'{value:.3f}' if abs(value) < 1 else f'{value:.2f}' if abs(value) < 10 else f'{value:.0f}'


def bench(name, value, unit, op=None, target=None):
    """Print a figure; op: what it must be to its target."""
    line = f'bench {name} {text(value)} {unit}'
    if op:
        line += f' target {op}{target} {"ok" if OPERATORS[op](value, target) else "short"}'
    print(line, flush=True)


def note(words):
    """Print what belongs to the figures before."""
    print(f'# {words}', flush=True)
