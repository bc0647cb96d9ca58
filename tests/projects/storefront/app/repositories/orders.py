from sqlalchemy import select

from app.models import Order, OrderStatus
from app.repositories.base import Repository


class OrderRepository(Repository[Order]):
    model = Order

    def of_customer(self, customer_id: int, limit: int = 50) -> list[Order]:
        statement = select(Order).where(Order.customer_id == customer_id).order_by(Order.id.desc()).limit(limit)
        return list(self.session.scalars(statement))

    def open_orders(self) -> list[Order]:
        return list(self.session.scalars(select(Order).filter_by(status=OrderStatus.PENDING)))

    def by_intent(self, intent: str) -> Order | None:
        return self.session.query(Order).filter_by(payment_intent=intent).first()
