"""The official MNS SDK for Node works against mns-local, unchanged."""

import subprocess
import unittest

from stack import ACCOUNT, KEYS, REGION, ROOT, Stack


class Sdk(unittest.TestCase):
    def test_the_official_sdk_runs_its_flows(self):
        with Stack() as stack:
            stack.start_mns_local()
            flow = subprocess.run(["node", ROOT / "tests" / "node" / "mns_sdk.js",
                                   stack.mns_local.endpoints["endpoint"], ACCOUNT, REGION, *KEYS.values()],
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual((flow.returncode, flow.stdout), (0, "sdk flows passed\n"), flow.stderr)


if __name__ == "__main__":
    unittest.main()
