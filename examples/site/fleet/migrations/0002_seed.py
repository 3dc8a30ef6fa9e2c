"""Twelve ports, 120 ships, and somebody to log in as: captain, password tonnage."""

import random

from django.contrib.auth.hashers import make_password
from django.db import migrations

PORTS = {
    "Rotterdam": "Netherlands", "Hamburg": "Germany", "Antwerp": "Belgium", "Valencia": "Spain", "Piraeus": "Greece",
    "Gothenburg": "Sweden", "Gdansk": "Poland", "Singapore": "Singapore", "Busan": "South Korea",
    "Yokohama": "Japan", "Santos": "Brazil", "Halifax": "Canada",
}
FIRST = "Amber Arctic Baltic Coral Crimson Golden Iron Northern Silver Stella".split()
LAST = "Albatross Breeze Condor Dawn Endeavour Fulmar Gannet Horizon Islander Jupiter Kestrel Lark".split()
TONNAGE = {"container": 180_000, "bulk": 110_000, "tanker": 160_000, "ferry": 45_000}


def seed(apps, schema_editor):
    Port, Ship = apps.get_model("fleet", "Port"), apps.get_model("fleet", "Ship")
    ports = Port.objects.bulk_create(Port(name=name, country=country) for name, country in PORTS.items())
    chance = random.Random(1854)  # the year of the act that defined the tonnage
    Ship.objects.bulk_create(
        Ship(
            name=f"{first} {last}",
            kind=(kind := chance.choice(list(TONNAGE))),
            home=chance.choice(ports),
            gross_tonnage=chance.randrange(TONNAGE[kind] // 8, TONNAGE[kind]),
            built=chance.randrange(1994, 2026),
        )
        for first in FIRST
        for last in LAST
    )
    User = apps.get_model("auth", "User")
    User.objects.create(username="captain", password=make_password("tonnage"), is_staff=True, is_superuser=True)


class Migration(migrations.Migration):
    dependencies = [("fleet", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
