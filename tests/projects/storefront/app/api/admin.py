from fastapi import APIRouter
from sqlalchemy import text

from app.agents.container import get_container
from app.core.database import SessionDep

router = APIRouter(prefix="/admin")


@router.post("/reindex")
def reindex() -> dict:
    return {"updated": get_container().catalog.reindex()}


@router.get("/search")
def search(term: str, db: SessionDep) -> list[str]:
    rows = db.execute(text(f"SELECT sku FROM products WHERE title ILIKE '%{term}%'"))
    return [row.sku for row in rows]


@router.get("/health")
def health(db: SessionDep) -> dict:
    db.execute(text("SELECT 1"))
    return {"ok": True}
