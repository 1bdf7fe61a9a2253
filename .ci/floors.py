#!/usr/bin/env python3
"""Runs the scorers over a penstock binary and fails where a score is below its floor.

  floors.py FLOORS.json SHARED BINARY

SHARED holds golden/score.py and, for the vendor floors, vendors/score.py. FLOORS.json:

  {"golden": {DATASET: {"named": F1, "auto": F1}},
   "golden_overall": {"modules_f1": X, "micro_f1": X},    of all datasets, by name; or {"named": {...}, "auto": {...}}
   "vendors": {"recall": X, "agreement": X, "vendor": X}}

Every part may be left out. A floor is raised in the change that raises the score, and lowered only with a reason in
the message of that change. Scores are compared as the scorer rounds them (four places). Python 3 standard library only.
"""
import json, os, shlex, subprocess, sys, tempfile

PARSE = '%s parse -p {dataset} -framing nul -events one -errors inline'


class Check:
    def __init__(self):
        self.bad = self.seen = 0

    def at_least(self, what, got, floor):
        self.seen += 1
        ok = got is not None and got + 1e-9 >= floor
        self.bad += not ok
        print('%-4s  %-44s %s  floor %.4f' % ('ok' if ok else 'LOW', what, 'none  ' if got is None else '%.4f' % got, floor))

    def fault(self, text):
        self.bad += 1
        print('FAIL  ' + text)


def score(script, args, check):
    """runs a scorer and returns what it wrote, None where it failed"""
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, 'score.json')
        p = subprocess.run([sys.executable, script] + args + ['--quiet', '--json', out], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            with open(out, encoding='utf-8') as f:
                doc = json.load(f)
        except (OSError, ValueError):
            doc = None
        if p.returncode or doc is None:
            check.fault('%s: exit status %d: %s' % (
                os.path.basename(os.path.dirname(script)), p.returncode, p.stdout.decode('utf-8', 'replace').strip()[-2000:]))
        return doc


def golden(floors, shared, cmd, check):
    sets, overall = floors.get('golden', {}), floors.get('golden_overall', {})
    if overall and not set(overall) <= {'named', 'auto'}:
        overall = {'named': overall}
    here = os.path.join(shared, 'golden')
    for mode in ('named', 'auto'):
        names = sorted(n for n in sets if mode in sets[n])
        if not names and mode not in overall:
            continue
        args = [here, '--cmd', cmd] + (['--auto'] if mode == 'auto' else [])
        if mode not in overall:  # the mean needs every dataset
            for n in names:
                args += ['--dataset', n]
        doc = score(os.path.join(here, 'score.py'), args, check)
        if doc is None:
            continue
        for n, row in doc['datasets'].items():
            if row.get('problem'):
                check.fault('golden %s %s: %s' % (mode, n, row['problem']))
        for n in names:
            check.at_least('golden %s %s F1' % (mode, n), doc['datasets'].get(n, {}).get('f1'), sets[n][mode])
        got = {'modules_f1': doc['all']['by_module']['f1'], 'micro_f1': doc['all']['micro']['f1'],
               'macro_f1': doc['all']['macro']['f1']}
        for k, floor in overall.get(mode, {}).items():
            check.at_least('golden %s %s' % (mode, k), got.get(k), floor)


def vendors(floors, shared, cmd, check):
    floors = floors.get('vendors', {})
    script = os.path.join(shared, 'vendors', 'score.py')
    if not floors:
        return
    if not os.path.exists(script):
        print('skipped: no vendor samples')
        return
    doc = score(script, ['--cmd', cmd], check)
    if doc is None:
        return
    for n, row in doc['datasets'].items():
        if row.get('problem'):
            check.fault('vendors %s: %s' % (n, row['problem']))
    got = {'recall': doc['all']['micro']['recall'], 'agreement': doc['agree'], 'vendor': doc['vendor_named']}
    for k, floor in floors.items():
        check.at_least('vendors ' + k, got.get(k), floor)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding='utf-8') as f:
        floors = json.load(f)
    unknown = set(floors) - {'golden', 'golden_overall', 'vendors'}
    if unknown:
        sys.exit('%s: unknown part: %s' % (sys.argv[1], ', '.join(sorted(unknown))))
    cmd, check = PARSE % shlex.quote(os.path.abspath(sys.argv[3])), Check()
    golden(floors, sys.argv[2], cmd, check)
    vendors(floors, sys.argv[2], cmd, check)
    print('%d floors, %d failed checks' % (check.seen, check.bad))
    return 1 if check.bad or not check.seen else 0


if __name__ == '__main__':
    sys.exit(main())
