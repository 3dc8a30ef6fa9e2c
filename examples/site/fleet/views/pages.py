"""Pages as most of a site's pages are: a query or two, and a template."""

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.views.generic import DetailView, ListView

from fleet.models import Port, Ship


def hello(request):
    return HttpResponse("Hello, world\n", content_type="text/plain; charset=utf-8")


def home(request):
    totals = Ship.objects.aggregate(ships=Count("pk"), tonnage=Sum("gross_tonnage"))
    ports = Port.objects.annotate(fleet=Count("ships"), tonnage=Sum("ships__gross_tonnage")).order_by("-tonnage")[:6]
    return render(request, "fleet/home.html", {"totals": totals, "ports": ports})


@login_required
def bridge(request):
    return render(request, "fleet/bridge.html", {"newest": Ship.objects.order_by("-built", "name")[:5]})


class ShipList(ListView):
    paginate_by = 20
    template_name = "fleet/ships.html"
    extra_context = {"kinds": Ship.Kind.choices}

    def get_queryset(self):
        ships = Ship.objects.select_related("home")
        if kind := self.request.GET.get("kind"):
            ships = ships.filter(kind=kind)
        if words := self.request.GET.get("q"):
            ships = ships.filter(name__icontains=words)
        return ships


class ShipDetail(DetailView):
    queryset = Ship.objects.select_related("home").prefetch_related("documents")
    template_name = "fleet/ship.html"
