"""Answers that begin before they are complete."""

import csv
import time

from django.http import StreamingHttpResponse

from fleet.models import Ship


class Line:
    """What csv.writer writes to; hands the line on instead of keeping it."""

    def write(self, line):
        return line


def ships_csv(request):
    writer = csv.writer(Line())
    ships = Ship.objects.values_list("name", "kind", "home__name", "gross_tonnage", "built")

    def lines():
        yield writer.writerow(["name", "kind", "home", "gross_tonnage", "built"])
        for ship in ships.iterator(chunk_size=50):
            yield writer.writerow(ship)

    headers = {"Content-Disposition": 'attachment; filename="ships.csv"'}
    return StreamingHttpResponse(lines(), content_type="text/csv", headers=headers)


def log(request):
    """Server-sent events: ?count=10 entries of the ship's log, one every ?every=1 seconds."""
    count, every = int(request.GET.get("count", 10)), float(request.GET.get("every", 1))

    def entries():
        for number in range(1, count + 1):
            yield f"id: {number}\nevent: entry\ndata: {number * 12.5:.1f} nautical miles made good\n\n"
            time.sleep(every if number < count else 0)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(entries(), content_type="text/event-stream", headers=headers)
