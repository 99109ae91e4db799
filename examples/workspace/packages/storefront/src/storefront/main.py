from fastapi import FastAPI

from pricing import gross

app = FastAPI(title="Storefront")


@app.get("/")
def read(net: int = 1000) -> dict[str, int | str]:
    return {"message": "Hello from a workspace", "net": net, "gross": gross(net)}
