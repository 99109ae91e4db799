from fastapi import FastAPI

from orders.tasks import ship

app = FastAPI()


@app.get("/")
def home() -> dict[str, str]:
    return {"message": "Hello from orders", "try": "/order/teapot"}


@app.get("/order/{thing}")
def order(thing: str) -> dict[str, str]:
    return {"result": ship.delay(thing).get(timeout=10)}
