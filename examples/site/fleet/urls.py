from django.conf import settings
from django.urls import path
from django.views.generic import TemplateView

from .views import documents, faults, pages, streams, work

urlpatterns = [
    path("", pages.home, name="home"),
    path("hello/", pages.hello, name="hello"),
    path("about/", TemplateView.as_view(template_name="fleet/about.html"), name="about"),
    path("ships/", pages.ShipList.as_view(), name="ships"),
    path("ships/<int:pk>/", pages.ShipDetail.as_view(), name="ship"),
    path("bridge/", pages.bridge, name="bridge"),
    path("documents/", documents.Documents.as_view(), name="documents"),
    path("documents/<int:pk>/", documents.download, name="document"),
    path("ships.csv", streams.ships_csv, name="ships-csv"),
    path("log/", streams.log, name="log"),
    path("work/cpu/", work.cpu, name="cpu"),
    path("work/wait/", work.wait, name="wait"),
]

if settings.FAULTS:
    urlpatterns += [
        path("faults/error/", faults.error, name="error"),
        path("faults/leak/", faults.leak, name="leak"),
        path("faults/crash/", faults.crash, name="crash"),
    ]
