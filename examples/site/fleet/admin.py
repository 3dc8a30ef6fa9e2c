from django.contrib import admin

from .models import Document, Port, Ship

admin.site.site_header = "Harbour office"


@admin.register(Ship)
class ShipAdmin(admin.ModelAdmin):
    list_display = ["name", "kind", "home", "gross_tonnage", "built"]
    list_filter = ["kind", "home"]
    list_select_related = ["home"]
    search_fields = ["name"]


@admin.register(Port)
class PortAdmin(admin.ModelAdmin):
    list_display = ["name", "country"]
    search_fields = ["name", "country"]


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    list_display = ["__str__", "ship", "size"]
    readonly_fields = ["size", "sha256"]
