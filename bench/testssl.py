"""testssl.sh against proxyd with the defaults of TLS: what it finds, worst first. ./dev build && python3 bench/testssl.py"""

import datetime
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import Certificates, FakeUpstream, TestProxy, answer  # noqa: E402

QUIET = {"OK", "INFO", "WARN"}  # a warning is about the tool's own means, not about the server
RANKS = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "WARN"]
# What a server says of itself is its own affair, but testssl.sh looks.
HARDENED = "X-Frame-Options: DENY\r\nX-Content-Type-Options: nosniff\r\n"
CRL = "\ncrlDistributionPoints=URI:http://a.example/ca.crl"


def examine(made, address):
    """(findings, what was printed) for a.example at this address."""
    report = made.folder / "report.json"
    done = subprocess.run(
        ["testssl", "--ip", "127.0.0.1", "--add-ca", made.ca, "--warnings", "batch", "--color", "0", "--nodns", "min",
         "--jsonfile", report, f"https://a.example:{address[1]}"], capture_output=True, text=True, check=False)
    return json.loads(report.read_text(encoding="utf-8")), done.stdout


def main():
    made = Certificates()
    upstream = FakeUpstream(answer(b"hello", fields=HARDENED))
    try:
        for name, key in (("ec", "ec"), ("rsa", "rsa")):
            made.issue(name, "DNS:a.example" + CRL, key=key, days=90)
        tables = ", ".join(made.table(name) for name in ("ec", "rsa"))
        proxy = TestProxy([upstream], listener=f"tls = {{ certificates = [{tables}] }}")
        try:
            findings, printed = examine(made, proxy.address)
            proxy.stop()
        finally:
            proxy.remove()
    finally:
        upstream.stop()
        made.remove()
    told = sorted((f for f in findings if f["severity"] not in {"OK", "INFO"}), key=lambda f: RANKS.index(f["severity"]))
    print(f"# testssl.sh, {datetime.date.today()}\n\nAn ECDSA and an RSA certificate of an authority that was told "
          "to testssl.sh; everything else is the default.\n\n| severity | what | finding |\n|---|---|---|")
    for finding in told:
        print(f"| {finding['severity']} | {finding['id']} | {finding['finding']} |")
    print(f"\n```\n{printed.strip()}\n```")
    worst = [f for f in told if f["severity"] not in QUIET | {"LOW"}]
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
