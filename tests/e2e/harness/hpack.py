"""Header blocks of HTTP/2 (RFC 7541): written plainly, read by the library that proxyd itself is linked with."""

import ctypes
import ctypes.util


class _Field(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.POINTER(ctypes.c_uint8)),
        ("value", ctypes.POINTER(ctypes.c_uint8)),
        ("name_length", ctypes.c_size_t),
        ("value_length", ctypes.c_size_t),
        ("flags", ctypes.c_uint8),
    ]


_library = ctypes.CDLL(ctypes.util.find_library("nghttp2") or "libnghttp2.so.14")
_library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
_library.nghttp2_hd_inflate_hd2.argtypes = [
    ctypes.c_void_p, ctypes.POINTER(_Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p, ctypes.c_size_t,
    ctypes.c_int]
_library.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
_library.nghttp2_hd_inflate_del.argtypes = [ctypes.c_void_p]

_FINAL, _EMIT = 1, 2


def _integer(value, bits, first):
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(value):
    raw = value if isinstance(value, bytes) else value.encode("latin-1")
    return _integer(len(raw), 7, 0) + raw


def encode(fields):
    """Literals without indexing and without Huffman: what is sent is what a reader of the test sees."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)


class Decoder:
    """One direction of one connection."""

    def __init__(self):
        self._inflater = ctypes.c_void_p()
        assert _library.nghttp2_hd_inflate_new(ctypes.byref(self._inflater)) == 0

    def decode(self, block):
        fields = []
        while True:
            field, flags = _Field(), ctypes.c_int(0)
            used = _library.nghttp2_hd_inflate_hd2(
                self._inflater, ctypes.byref(field), ctypes.byref(flags), block, len(block), 1)
            if used < 0:
                raise ValueError(f"broken header block: {used}")
            block = block[used:]
            if flags.value & _EMIT:
                name = ctypes.string_at(field.name, field.name_length).decode("latin-1")
                fields.append((name, ctypes.string_at(field.value, field.value_length).decode("latin-1")))
            if flags.value & _FINAL:
                _library.nghttp2_hd_inflate_end_headers(self._inflater)
                return fields

    def __del__(self):
        _library.nghttp2_hd_inflate_del(self._inflater)
