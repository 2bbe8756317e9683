"""Prints a bill of materials of cargo-cyclonedx's with what is really there: bill.py BILL PARTS.

It knows no features, and so lists what nothing here has switched on. Its paths are this machine's, its serial number is
another each time, and the time is none of the content: the same lock files are to give the same text.
"""

import json
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    bill = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    parts = {line.strip() for line in file}

for volatile in ("serialNumber", "timestamp"):
    bill.pop(volatile, None)
    bill["metadata"].pop(volatile, None)
bill["components"] = [part for part in bill["components"] if f"{part['name']} {part['version']}" in parts]
known = {part["bom-ref"] for part in [*bill["components"], bill["metadata"]["component"]]}
bill["dependencies"] = [
    {**one, "dependsOn": [other for other in one.get("dependsOn", []) if other in known]}
    for one in bill["dependencies"]
    if one["ref"] in known
]
text = json.dumps(bill, indent=1, ensure_ascii=False)
text = re.sub(r"path\+file://[^#\"]*#", "#", text)
print(re.sub(r"\?download_url=file://[^#\"]*", "", text))
