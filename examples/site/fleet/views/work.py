"""The two ways a request takes long: it computes, or it waits."""

import time

from django.http import JsonResponse


def cpu(request):
    """Counts the primes below ?n=30000 the slow way: about 50 ms of one core."""
    limit = min(int(request.GET.get("n", 30_000)), 1_000_000)
    primes = sum(all(number % d for d in range(2, int(number**0.5) + 1)) for number in range(2, limit))
    return JsonResponse({"below": limit, "primes": primes})


def wait(request):
    """Waits ?ms=500 milliseconds, as for a slow database or somebody else's API."""
    pause_ms = min(float(request.GET.get("ms", 500)), 60_000)
    time.sleep(pause_ms / 1000)
    return JsonResponse({"waited_ms": pause_ms})
