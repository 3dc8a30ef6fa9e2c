"""What goes wrong in real life, on request. FAULTS=0 takes these pages away."""

import os
import signal

from django.http import JsonResponse

HOARD = []


def error(request):
    raise RuntimeError("this page fails on purpose")


def leak(request):
    """Keeps ?mb=10 megabytes for ever, every time it is called."""
    HOARD.append(bytearray(min(int(request.GET.get("mb", 10)), 1000) * 1_000_000))
    return JsonResponse({"pid": os.getpid(), "leaked_mb": sum(map(len, HOARD)) // 1_000_000})


def crash(request):
    """Dies as from a fault in a C extension: no answer, no traceback, no goodbye."""
    os.kill(os.getpid(), signal.SIGSEGV)
