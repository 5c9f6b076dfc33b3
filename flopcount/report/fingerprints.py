"""What makes a finding the same one tomorrow: what it is about, not the line it is on."""

import hashlib
from collections import Counter
from collections.abc import Iterable

from flopcount.analyses.budgets.findings import Finding


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """Return a hash for each finding that moves with its file only, as trackers want it; no two are the same."""
    seen: Counter[tuple[str, ...]] = Counter()
    found: list[str] = []
    for finding in findings:
        about = (finding.code, finding.path, finding.rule, finding.scope, finding.metric, finding.point, finding.what)
        again = (str(seen[about]),) if seen[about] else ()
        seen[about] += 1
        found.append(hashlib.sha256("\0".join((*about, *again)).encode(errors="backslashreplace")).hexdigest()[:40])
    return found
