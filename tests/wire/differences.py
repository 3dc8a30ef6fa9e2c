"""Where we differ from h11 and httptools on purpose, and why. Any other difference fails `test_foreign.py`."""

from __future__ import annotations

H11 = "h11"
LLHTTP = "httptools"

# Messages (as in fnmatch), whose verdict differs -> why ours is the one we want
STRICTER: dict[str, dict[str, str]] = {
    "chunked/bad-extension-*": {
        H11: "takes anything between the semicolon and CRLF for an extension; that is where funny line ends hide",
        LLHTTP: "takes an empty name or value",
    },
    "chunked/bad-size-16-f": {
        H11: "sizes of 20 digits are numbers to Python, and wrap in others",
        LLHTTP: "unsigned",
    },
    "chunked/bad-size-2-to-63": {H11: "as above", LLHTTP: "unsigned"},
    "chunked/bad-size-2-to-64-and-5": {H11: "as above"},
    "chunked/bad-size-*-last": {H11: "strips white space after a size, which the grammar has only before an extension"},
    "chunked/bad-size-line-too-long": {LLHTTP: "has no limit"},
    "chunked/extension-too-long*": {H11: "has its limit elsewhere", LLHTTP: "has its limit elsewhere"},
    "coding/and-length*": {H11: "RFC 9112 6.3 lets a server ignore the length; a proxy that ignored the coding is hit"},
    "coding/comma-first": {LLHTTP: "looks at the end of the value only"},
    "coding/*-then-chunked*": {LLHTTP: "hands out content that it has not decoded"},
    "coding/http-1-0*": {
        H11: "frames by a coding that HTTP/1.0 peers do not know",
        LLHTTP: "frames by a coding that HTTP/1.0 peers do not know",
    },
    "expect/other*": {H11: "leaves expectations to its user", LLHTTP: "leaves expectations to its user"},
    "expect/empty": {H11: "leaves expectations to its user", LLHTTP: "leaves expectations to its user"},
    "fields/101-fields": {H11: "limits the head as a whole", LLHTTP: "has no limit"},
    "fields/over-default-size-limit": {H11: "limits the head as a whole", LLHTTP: "has no limit"},
    "fields/fold*": {H11: "unfolds, as RFC 9112 5.2 lets a server; we do where permit_obsolete_folding is set"},
    "fields/two-content-types": {H11: "is not asked", LLHTTP: "is not asked"},
    "fields/value-with-*": {H11: "lets controls but NUL, CR and LF pass, as RFC 9110 5.5 allows; and takes a bare LF"},
    "host/*": {H11: "counts Hosts but does not look into them", LLHTTP: "does not look at Host"},
    "length/bad-2-to-6*": {H11: "numbers have no end in Python, and wrap in others", LLHTTP: "unsigned"},
    "length/bad-list*": {H11: "RFC 9110 8.6 allows equal lengths to be taken as one; a proxy may take another"},
    "length/twice": {H11: "as above"},
    "line/absolute-*": {H11: "does not look into targets", LLHTTP: "does not look into targets of this form"},
    "line/asterisk-*": {H11: "does not look into targets", LLHTTP: "takes * for a path"},
    "line/authority-get": {H11: "does not look into targets"},
    "line/connect-*": {H11: "does not look into targets", LLHTTP: "stops looking when there is to be a tunnel"},
    "line/target-*": {H11: "does not look into targets", LLHTTP: "takes a fragment, and whatever precedes it"},
    "line/bare-lf*": {H11: "takes LF for a line end, as RFC 9112 2.2 allows"},
    "line/cr-first": {LLHTTP: "skips any CR and LF before a request"},
    "line/lf-first": {LLHTTP: "skips any CR and LF before a request"},
    "line/crlf-twice": {LLHTTP: "skips any CR and LF before a request"},
    "line/http2-preface": {H11: "takes it for a request first, and then does not like what follows"},
    "line/method-*": {H11: "a method may be any token; we ask for permit_unconventional_http_method"},
    "line/two-spaces": {LLHTTP: "skips spaces"},
    "line/too-long-by-default": {H11: "limits the head as a whole", LLHTTP: "has no limit"},
    "line/version-missing": {LLHTTP: "speaks HTTP/0.9"},
    "line/version-*": {H11: "leaves versions to its user", LLHTTP: "leaves versions to its user"},
    "persistence/bad-second": {H11: "does not look into Host", LLHTTP: "does not look at Host"},
    "persistence/the-same-fields-bad-line": {LLHTTP: "speaks HTTP/0.9"},
    "trailers/bad-lf": {H11: "takes LF for a line end, as RFC 9112 2.2 allows"},
    "trailers/bad-fold": {H11: "unfolds"},
    "trailers/bad-*": {H11: "leaves trailers to its user", LLHTTP: "leaves trailers to its user"},
}

OTHERWISE: dict[str, dict[str, str]] = {
    "chunked/extension-white-space": {H11: "RFC 9112 7.1.1: a recipient must parse it", LLHTTP: "the same"},
    "chunked/leading-zeros": {H11: "takes 20 digits, and zeros count"},
    "length/leading-zeros": {H11: "takes 20 digits, and zeros count"},
    "coding/white-space": {LLHTTP: "RFC 9112 5.1: white space around a value is no part of it, tabs included"},
    "line/connect": {H11: "goes on after a CONNECT that was refused; what follows may be meant for the tunnel"},
    "persistence/the-same-fields-connect": {H11: "as above"},
    "line/crlf-*": {H11: "RFC 9112 2.2: a server should skip one empty line"},
    "line/method-*": {LLHTTP: "knows a closed list of methods, RFC 9110 9.1 does not"},
    "persistence/garbage-after-body": {
        LLHTTP: "does not know the method at its first letter; we wait for the whole head"
    },
    "persistence/http-1-0-*": {
        H11: "never keeps HTTP/1.0 alive",
        LLHTTP: "forgets a close that stands beside keep-alive in HTTP/1.0",
    },
    "persistence/proxy-connection": {LLHTTP: "takes Proxy-Connection for Connection, against RFC 9112 C.2.2"},
    "persistence/upgrade-*": {LLHTTP: "stops for its user to decide; we have decided"},
}
