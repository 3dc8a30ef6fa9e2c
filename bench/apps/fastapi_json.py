"""What a small service in FastAPI does: a parameter that is checked, a model, JSON."""

from fastapi import FastAPI
from pydantic import BaseModel


class Ship(BaseModel):
    name: str
    tonnage: int
    flags: list[str]


SHIPS = {number: Ship(name=f"ship {number}", tonnage=1000 * number, flags=["DE", "NO"]) for number in range(10)}

app = FastAPI()


@app.get("/ships/{number}")
async def read(number: int) -> Ship:
    return SHIPS[number]
