from django.db import models
from django.urls import reverse


class Port(models.Model):
    name = models.CharField(max_length=60, unique=True)
    country = models.CharField(max_length=60)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Ship(models.Model):
    class Kind(models.TextChoices):
        CONTAINER = "container", "Container ship"
        BULK = "bulk", "Bulk carrier"
        TANKER = "tanker", "Tanker"
        FERRY = "ferry", "Ferry"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=12, choices=Kind, db_index=True)
    home = models.ForeignKey(Port, on_delete=models.PROTECT, related_name="ships")
    gross_tonnage = models.PositiveIntegerField(help_text="A volume, not a weight: what the ship can hold.")
    built = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("ship", args=[self.pk])


class Document(models.Model):
    ship = models.ForeignKey(Ship, on_delete=models.CASCADE, related_name="documents")
    file = models.FileField(upload_to="documents/")
    size = models.PositiveBigIntegerField(editable=False)
    sha256 = models.CharField(max_length=64, editable=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self):
        return self.file.name.rpartition("/")[2]

    def get_absolute_url(self):
        return reverse("document", args=[self.pk])
