from app.models import Product
from app.repositories.base import Repository


class ProductRepository(Repository[Product]):
    model = Product

    def by_sku(self, sku: str) -> Product | None:
        return self.session.query(Product).filter(Product.sku == sku).one_or_none()
