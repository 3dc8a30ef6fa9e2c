from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("fleet.urls")),
    path("account/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
]
