"""What makes a finding the same one tomorrow: what it is about, not the line it is on."""

import hashlib

from flopcount.analyses.findings import Finding


def fingerprint(finding: Finding) -> str:
    """Return a hash that moves with its file only, as trackers of findings want it."""
    about = (finding.code, finding.path, finding.rule, finding.scope, finding.metric, finding.point, finding.what)
    return hashlib.sha256("\0".join(about).encode(errors="surrogateescape")).hexdigest()[:40]
