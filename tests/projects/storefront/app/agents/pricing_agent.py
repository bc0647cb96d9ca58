from decimal import Decimal

from app.core.database import session_scope
from app.models import Product


class PricingAgent:
    def reprice(self, product_id: int, price: Decimal) -> None:
        with session_scope() as db:
            product = db.get(Product, product_id)
            if product is not None:
                product.price = price
