"""A house rule that nothing can break proves nothing: each is broken here once, in a small tree of its own."""

import pathlib
import sys
import tempfile
import unittest

import commands
import docs
import layering
import rules
import snippets

FOLDERS = ("proxy", "pages", "config", "tests", "bench")


def header(folder, body=""):
    return f"#pragma once\n{body}\nnamespace drawbridge::{folder} {{}}\n"


def body_of(count):
    lines = "\n".join("  step();" for _ in range(count))
    return f"void run(int first,\n         int second) {{\n{lines}\n}}\n"


class HouseRules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in FOLDERS:
            (self.root / name).mkdir()

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def found(self, checker, path, text):
        self.write(path, text)
        return "\n".join(checker.check(self.root))

    def test_a_lower_layer_that_includes_a_higher_one_is_found(self):
        text = header("http", '#include "proxy/core/plan.h"')
        self.assertIn("'http' may not include from 'core'", self.found(layering, "proxy/http/a.h", text))

    def test_capabilities_that_include_each_other_are_found(self):
        text = header("ctl", '#include "proxy/admin/server.h"')
        self.assertIn("'ctl' may not include from 'admin'", self.found(layering, "proxy/ctl/a.h", text))

    def test_a_short_include_path_is_found(self):
        self.assertIn("full path", self.found(layering, "proxy/http/a.h", header("http", '#include "b.h"')))

    def test_a_socket_in_core_is_found(self):
        text = header("core", "#include <sys/socket.h>")
        self.assertIn("core touches nothing", self.found(layering, "proxy/core/a.h", text))

    def test_a_clock_read_in_core_is_found(self):
        text = header("core") + "auto late() { return base::now().steady; }\n"
        self.assertIn("core reads no clock", self.found(layering, "proxy/core/a.h", text))

    def test_a_library_out_of_its_place_is_found(self):
        for path, library in [
            ("proxy/serve/a.cpp", "toml.hpp"),
            ("proxy/serve/a.cpp", "openssl/ssl.h"),
            ("proxy/serve/a.cpp", "nghttp2/nghttp2.h"),
            ("proxy/serve/a.cpp", "boost/beast/http.hpp"),
            ("proxy/core/a.cpp", "boost/asio.hpp"),
        ]:
            with self.subTest(library=library):
                self.assertIn(f"<{library}>", self.found(layering, path, f"#include <{library}>\n"))

    def test_a_heavy_library_in_a_header_is_found(self):
        text = header("admin", "#include <boost/beast/http.hpp>")
        self.assertIn("is heavy", self.found(layering, "proxy/admin/a.h", text))

    def test_a_folder_outside_the_table_is_found(self):
        self.assertIn("no place in the table", self.found(layering, "proxy/misc/a.h", header("misc")))

    def test_lawful_includes_pass(self):
        text = header("serve", '#include "proxy/core/plan.h"\n#include "pages/page.h"\n#include <vector>')
        self.assertEqual("", self.found(layering, "proxy/serve/a.h", text))

    def test_a_file_beyond_the_limit_is_found(self):
        self.assertIn("401 lines", self.found(rules, "tests/a.py", "pass\n" * 401))

    def test_a_function_beyond_the_limit_is_found(self):
        text = header("base") + body_of(70)
        self.assertIn("a function of 73 lines", self.found(rules, "proxy/base/a.h", text))

    def test_a_function_at_the_limit_passes(self):
        self.assertEqual("", self.found(rules, "proxy/base/a.h", header("base") + body_of(67)))

    def test_a_test_case_beyond_the_limit_is_found(self):
        text = 'TEST_CASE("a long story is told") {\n' + "  CHECK(true);\n" * 80 + "}\n"
        self.write("tests/CMakeLists.txt", "drawbridge_test(a SOURCES a.cpp)")
        self.assertIn("a function of 82 lines", self.found(rules, "tests/a.cpp", text))

    def test_a_foreign_namespace_is_found(self):
        self.assertIn("a folder is a namespace", self.found(rules, "proxy/net/a.h", header("core")))

    def test_a_header_without_its_guard_is_found(self):
        self.assertIn("#pragma once", self.found(rules, "proxy/net/a.h", "namespace drawbridge::net {}\n"))

    def test_an_own_header_that_comes_second_is_found(self):
        self.write("proxy/net/a.h", header("net"))
        self.write("proxy/net/CMakeLists.txt", "drawbridge_layer(net SOURCES a.cpp)")
        text = '#include <vector>\n#include "proxy/net/a.h"\nnamespace drawbridge::net {}\n'
        self.assertIn("own header comes first", self.found(rules, "proxy/net/a.cpp", text))

    def test_a_source_that_nobody_builds_is_found(self):
        self.write("tests/unit/CMakeLists.txt", "drawbridge_test(other SOURCES data_test.cpp)")
        self.assertIn("names this source", self.found(rules, "tests/unit/a_test.cpp", ""))

    def test_a_test_name_that_is_no_sentence_is_found(self):
        self.write("tests/CMakeLists.txt", "drawbridge_test(a SOURCES a.cpp)")
        self.assertIn("no sentence", self.found(rules, "tests/a.cpp", 'TEST_CASE("parser") {}\n'))

    def test_a_name_used_for_two_tests_is_found(self):
        self.write("tests/CMakeLists.txt", "drawbridge_test(a SOURCES a.cpp)")
        self.assertIn("names two tests", self.found(rules, "tests/a.cpp", 'TEST_CASE("one two three") {}\n' * 2))

    def test_a_sleep_in_a_test_is_found(self):
        text = "def test_the_end_comes_by_itself():\n    time.sle" + "ep(1)\n"
        self.assertIn("does not sleep", self.found(rules, "tests/a.py", text))

    def test_a_waiter_with_a_deadline_may_pause(self):
        text = "def wait_for(condition, deadline):\n    while not condition():\n        time.sle" + "ep(0.01)\n"
        self.assertEqual("", self.found(rules, "tests/a.py", text))

    def test_leftovers_and_skipped_tests_are_found(self):
        self.assertIn("unfinished", self.found(rules, "bench/a.py", "# TO" + "DO later\n"))
        self.assertIn("no test is skipped", self.found(rules, "bench/a.py", "@unittest.sk" + "ip\n"))

    def test_a_path_of_one_machine_is_found(self):
        self.assertIn("one machine", self.found(rules, "docs/a.md", "see /ho" + "me/me/notes\n"))

    def shown(self, text):
        """What is found in a document, with programs that know one verb with one option."""
        everything = "  --json\\n  --socket PATH\\nSubcommands:\\n  mode  x\\n"
        script = f'#!/bin/sh\n[ "$1" = mode ] && echo "  --reason TEXT" || printf "{everything}"\n'
        self.write("bin/proxyctl", script)
        (self.root / "bin" / "proxyctl").chmod(0o755)
        self.write("README.md", text)
        return "\n".join(commands.check(self.root, self.root / "bin"))

    def test_a_command_that_does_not_exist_is_found(self):
        self.assertIn("'proxyctl flip' is no command", self.shown("type `proxyctl flip shop`\n"))
        self.assertIn("has no --force", self.shown("```\nproxyctl --socket /s mode live --force\n```\n"))
        self.assertIn("'dev conquer' is no command", self.shown("`./dev conquer`\n"))

    def test_commands_that_exist_pass(self):
        text = (
            "```\n$ proxyctl --json mode live shop --reason \"a --b\"\n./dev test -R x\n```\n"
            "`proxyctl VERB`, proxyctl flip\n"
        )
        self.assertEqual("", self.shown(text))

    def configured(self, text):
        """What is found in a document, with a proxyd for which only the word `good` makes a good configuration."""
        self.write("bin/proxyd", '#!/bin/sh\ngrep -q good "$2" && exit 0\necho "$2:1: error: bad" >&2\nexit 1\n')
        (self.root / "bin" / "proxyd").chmod(0o755)
        self.write("docs/a.md", text)
        return "\n".join(snippets.check(self.root, self.root / "bin" / "proxyd"))

    def test_a_configuration_that_proxyd_refuses_is_found(self):
        self.assertIn("docs/a.md:2: no good configuration", self.configured("```toml\nx = 1\n```\n"))
        self.assertEqual("", self.configured("```toml\nx = 'good'\n```\n```json\n{}\n```\n"))

    def test_a_file_that_does_not_exist_is_found(self):
        self.assertIn("there is no docs/b.md", self.configured("see docs/b.md\n"))
        self.assertIn("there is no proxy/net/x.h", self.configured("```\ncat proxy/net/x.h\n```\n"))
        self.assertEqual("", self.configured("`docs/a.md`, build/docs/b, /usr/share/docs/c and docs/*\n"))

    def test_a_link_that_leads_nowhere_is_found(self):
        self.assertIn("leads nowhere", self.found(docs, "README.md", "[a](docs/NONE.md)\n"))
        self.assertIn("no such heading", self.found(docs, "README.md", "# One\n[a](#two)\n"))


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    unittest.main()
