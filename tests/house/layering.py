"""Which folder may include which: the table that keeps the decisions free of sockets and the layers one-way."""

import re

import tree

# For each folder the project folders it may include besides itself.
BELOW = {
    "base": set(),
    "http": {"base"},
    "core": {"base", "http"},
    "net": {"base"},
    "cli": {"base"},
    "obs": {"base", "core"},
    "pages": {"base", "http", "core"},
    "config": {"base", "http", "core"},
    "upstream": {"base", "http", "core", "net", "obs"},
    "serve": {"base", "http", "core", "net", "obs", "upstream", "pages"},
    "control": {"base", "http", "core", "net", "obs", "upstream", "serve", "pages", "config"},
    "admin": {"base", "http", "core", "net", "obs", "upstream", "serve", "control", "pages", "config"},
    "ctl": {"base", "core", "cli"},
}
BELOW["app"] = set(BELOW) - {"ctl"}

# A library, the folders that may include it, and whether their headers may too.
LIBRARIES = [
    (re.compile(r"^toml"), {"config"}, False),
    (re.compile(r"^openssl/"), {"net"}, True),
    (re.compile(r"^nghttp2/"), {"http"}, False),
    (re.compile(r"^CLI/"), {"app", "ctl", "cli"}, True),
    (re.compile(r"^boost/beast"), {"upstream", "admin", "ctl", "app"}, False),
    (re.compile(r"^boost/asio"), {"net", "upstream", "control", "admin", "ctl", "app"}, True),
]

# `core` knows everything and touches nothing: no sockets, files, threads, and no clock but the one it is handed.
CORE_INCLUDES = re.compile(
    r"^(sys/|netinet/|arpa/|netdb\.h|unistd\.h|fcntl\.h|poll\.h|signal\.h|thread|mutex|shared_mutex|future|"
    r"condition_variable|stop_token|fstream|filesystem|iostream|cstdio|stdio\.h|boost/asio|boost/beast)"
)
CORE_CALLS = re.compile(
    r"\b(base::now|Clock::now|_clock::now|time\(nullptr|time\(0|gettimeofday|clock_gettime|getenv)\b"
)

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def folder_of(root, path):
    """The layer a file or an included path belongs to: 'core' for proxy/core/…, 'pages' for pages/…"""
    parts = path.relative_to(root).parts if hasattr(path, "parts") else tuple(path.split("/"))
    if parts[0] == "proxy" and len(parts) > 2:
        return parts[1]
    return parts[0]


def check_project_include(own, target):
    if target == own or target in BELOW.get(own, set()):
        return None
    if target not in BELOW:
        return f"includes from '{target}', which is no layer"
    return f"'{own}' may not include from '{target}'"


def check_library_include(own, target, in_header):
    if own == "core" and CORE_INCLUDES.match(target):
        return f"core touches nothing: <{target}> belongs to the shell"
    for pattern, allowed, headers_too in LIBRARIES:
        if not pattern.match(target):
            continue
        if own not in allowed:
            return f"'{own}' may not include <{target}>, only {', '.join(sorted(allowed))}"
        if in_header and not headers_too:
            return f"<{target}> is heavy: include it in a source, not in a header"
    return None


def check_file(root, path):
    own = folder_of(root, path)
    if own not in BELOW:
        yield tree.problem(root, path, 1, f"folder '{own}' has no place in the table of layers")
        return
    for number, line in enumerate(tree.lines_of(path), 1):
        match = INCLUDE.match(line)
        if match and match[1] == '"':
            found = check_project_include(own, folder_of(root, match[2]))
            if "/" not in match[2]:
                found = f'include by full path from the root, not "{match[2]}"'
        elif match:
            found = check_library_include(own, match[2], path.suffix == ".h")
        elif own == "core" and CORE_CALLS.search(line):
            found = "core reads no clock and no environment: take the time as a parameter"
        else:
            found = None
        if found:
            yield tree.problem(root, path, number, found)


def check(root):
    problems = []
    for path in tree.cpp_files(root, ("proxy", "pages", "config")):
        problems.extend(check_file(root, path))
    return problems


if __name__ == "__main__":
    tree.report(check(tree.ROOT))
