from sqlalchemy import select

from app.core.database import SessionLocal
from app.models import Product


class CatalogAgent:
    def __init__(self) -> None:
        self.db = SessionLocal()

    def reindex(self) -> int:
        updated = 0
        for product in self.db.scalars(select(Product)):
            product.title = product.title.strip()
            updated += 1
        self.db.commit()
        return updated
