"""Certificates for tests, made by the program openssl."""

import atexit
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile


class Certificates:
    """A folder with an authority and what it has signed. Files are named after the certificate."""

    def __init__(self, folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="drawbridge-tls-"))
        self.ca = self.authority("ca")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def openssl(self, *arguments, **options):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, check=True, capture_output=True, **options)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                     "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        return self.folder / f"{name}.pem"

    def issue(self, name, *alternatives, ca="ca", days=30, key="ec", subject=None):
        """Writes NAME.pem and NAME.key, each in one rename; alternatives are "DNS:a.example" and the like."""
        algorithm = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}[key]
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(alternatives)}\n" if alternatives else "")
        self.openssl("req", *algorithm, "-nodes", "-subj", subject or f"/CN={name}", "-keyout", "new.key",
                     "-out", "new.csr")
        self.openssl("x509", "-req", "-in", "new.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                     "-days", days, "-extfile", extensions, "-out", "new.pem")
        (self.folder / "new.key").rename(self.key(name))
        (self.folder / "new.pem").rename(self.pem(name))
        return name

    def pem(self, name):
        return self.folder / f"{name}.pem"

    def key(self, name):
        return self.folder / f"{name}.key"

    def table(self, name, more=""):
        """The value of `tls` that a listener shows this certificate by."""
        return f'{{ certificate = "{self.pem(name)}", key = "{self.key(name)}"{more} }}'

    def context(self, certificate=None, ca=None):
        """A client's: trusts the authority, shows the certificate if there is one."""
        context = ssl.create_default_context(cafile=ca or self.ca)
        if certificate:
            context.load_cert_chain(self.pem(certificate), self.key(certificate))
        return context

    def server_context(self, name, client_ca=None, protocols=()):
        """A server's: shows the certificate, and wants one of the authority if there is one. `protocols`: of ALPN."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        context.load_cert_chain(self.pem(name), self.key(name))
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def connect(self, address, name="a.example", context=None, **options):
        """A TLS socket whose handshake is done."""
        plain = socket.create_connection(address, timeout=10)
        return (context or self.context()).wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False, **options)


_everywhere = None


def everywhere():
    """The certificates of a run over TLS: one for a.example, for the whole process."""
    global _everywhere
    if _everywhere is None:
        _everywhere = Certificates()
        _everywhere.issue("server", "DNS:a.example", "DNS:*.example", "IP:127.0.0.1", "IP:::1")
        atexit.register(_everywhere.remove)
    return _everywhere
