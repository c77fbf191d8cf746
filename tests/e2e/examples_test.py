"""The commands at the head of each example, typed one after the other in front of servers that answer."""

import pathlib
import re
import shlex
import subprocess

from harness import BIN, PATIENCE, ProxyCase, main

EXAMPLES = pathlib.Path(__file__).parents[2] / "config/examples"
SCRIPT = "#!/bin/sh\necho ran for $DRAWBRIDGE_SITE from $DRAWBRIDGE_FROM to $DRAWBRIDGE_TO\n"


class Examples(ProxyCase):
    def commands(self, name):
        lines = re.findall(r"^#   (proxyctl .*)$", (EXAMPLES / name).read_text(encoding="utf-8"), re.MULTILINE)
        return [shlex.split(line, comments=True)[1:] for line in lines]

    def stage(self, name):
        """A proxy with this example, but for addresses and folders, which are this test's own."""
        servers = {}

        def address(match):
            if match[1] not in servers:
                servers[match[1]] = self.upstream().address
            return f'"{servers[match[1]]}"'

        text = (EXAMPLES / name).read_text(encoding="utf-8")
        text = re.sub(r'^address = ".*"$', 'address = "127.0.0.1:0"', text, flags=re.MULTILINE)
        text = re.sub(r'^metrics = ".*"$', 'metrics = "127.0.0.1:0"', text, flags=re.MULTILINE)
        text = re.sub(r'^access_log = ".*"$', 'access_log = "{folder}/access.log"\nadmin_socket = "{folder}/admin.sock"',
                      text, flags=re.MULTILINE)
        text = re.sub(r'^state_dir = ".*"$', 'state_dir = "{folder}/state"', text, flags=re.MULTILINE)
        text = text.replace("health = { path", 'health = { timeout = "10s", path')  # servers in Python may be slow
        head, rest = text.split("[server]", 1)
        rest = re.sub(r'"(127\.0\.0\.1:9\d+)"', address, rest)
        self.servers = servers
        return self.proxy(config=head + "[server]" + rest)

    def play(self, name, codes=None):
        proxy = self.stage(name)
        for script in ("switch-db.sh", "migrate-delta.sh"):
            (proxy.folder / script).write_text(SCRIPT, encoding="utf-8")
            (proxy.folder / script).chmod(0o755)
        commands = self.commands(name)
        self.assertGreaterEqual(len(commands), 1)
        said = []
        for words in commands:
            typed = [self.servers.get(word, word) for word in words]
            done = subprocess.run([BIN / "proxyctl", *typed, "--socket", proxy.socket_path], cwd=proxy.folder,
                                  capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
            told = f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
            self.assertIn(done.returncode, (codes or {}).get(words[0], (0,)), told)
            said.append(told)
        return proxy, "".join(said)

    def sites(self, proxy):
        return {site["site"]: (site["mode"], site["pool"]) for site in proxy.admin("GET", "/v1/status")[1]["sites"]}

    def test_a_page_for_the_ide_while_its_devices_move_to_the_cluster(self):
        proxy, said = self.play("ide.toml")
        self.assertIn("ran for devices from devices to cluster", said)
        self.assertEqual(self.sites(proxy), {"devices": ("live", "cluster"), "ide": ("live", "ide")})

    def test_the_login_service_moves_within_ten_minutes_and_back(self):
        # doctor may find something to warn of, or fail, on the machine that runs this.
        proxy, said = self.play("login.toml", codes={"doctor": (0, 1)})
        self.assertIn("ran for accounts from user1 to user2", said)
        self.assertIn("from user2 to user1", said)
        self.assertEqual(self.sites(proxy), {"accounts": ("live", "user1")})

    def test_a_window_for_a_schema_change_begins_with_one_command(self):
        proxy, _ = self.play("window.toml")
        self.assertEqual(self.sites(proxy), {"api": ("readonly", "api")})

    def test_the_shop_moves_with_four_lines(self):
        proxy, _ = self.play("shop.toml")
        self.assertEqual(self.sites(proxy), {"shop": ("live", "green")})

    def test_one_customer_goes_first_comes_back_and_goes_with_all_others(self):
        proxy, said = self.play("search.toml")
        self.assertIn("header:X-Customer=42", said)
        self.assertEqual(self.sites(proxy), {"search": ("live", "green")})
        self.assertNotIn("slices", {key for site in proxy.admin("GET", "/v1/status")[1]["sites"] for key in site
                                    if site[key]})

    def test_the_commands_of_the_nights_stand_in_the_examples(self):
        nights = {
            "ide.toml": ["page preview ide", "mode maintenance ide --for 10m --reason 'database upgrade'",
                         "cutover devices --to cluster --run ./switch-db.sh", "mode live ide"],
            "login.toml": ["doctor", "mode readonly accounts --reason 'migration step 23'",
                           "cutover accounts --to user2 --run ./migrate-delta.sh --check /sanity --deadline 10m",
                           "rollback accounts"],
            "window.toml": ["mode readonly --for 60s --drain 5s --cut --then live --reason 'schema patch 2208-3'"],
            "shop.toml": ["page preview shop --as html", "mode readonly shop", "cutover shop --to green",
                          "mode live shop"],
            "search.toml": ["cutover search --to green --match header:X-Customer=42", "cutover search --to green"],
        }
        for name, wanted in nights.items():
            with self.subTest(name):
                typed = [shlex.join(words) for words in self.commands(name)]
                self.assertEqual([command for command in typed if command in wanted], wanted)


if __name__ == "__main__":
    main()
