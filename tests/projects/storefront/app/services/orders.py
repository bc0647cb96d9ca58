from fastapi import HTTPException
from sqlalchemy.orm import Session

from app.models import Coupon, Order, OrderLine, OrderStatus, Product
from app.repositories.orders import OrderRepository
from app.repositories.products import ProductRepository


class OrderService:
    def __init__(self, db: Session) -> None:
        self.db = db
        self.orders = OrderRepository(db)
        self.products = ProductRepository(db)

    def place(self, customer_id: int, lines: list[tuple[int, int]]) -> Order:
        order = Order(customer_id=customer_id)
        for product_id, quantity in lines:
            product = self.products.get_by_id(product_id, for_update=True)
            if product is None or product.stock < quantity:
                raise HTTPException(status_code=409, detail="out of stock")
            product.stock -= quantity
            order.lines.append(OrderLine(product_id=product.id, quantity=quantity, unit_price=product.price))
            order.total += product.price * quantity
        self.db.add(order)
        self.db.commit()
        return order

    def cancel(self, order_id: int) -> Order:
        order = self.orders.get_by_id(order_id)
        if order is None:
            raise HTTPException(status_code=404)
        if order.status == OrderStatus.PENDING:
            order.status = OrderStatus.CANCELLED
            self.db.commit()
        return order

    def restock(self, product_id: int, quantity: int) -> None:
        product = self.db.get(Product, product_id)
        if product is None:
            raise HTTPException(status_code=404)
        product.stock = product.stock + quantity
        self.db.commit()

    def redeem(self, code: str, order: Order) -> None:
        coupon = self.db.query(Coupon).filter(Coupon.code == code).first()
        if coupon is None:
            raise HTTPException(status_code=404)
        if coupon.redeemed:
            raise HTTPException(status_code=409, detail="already redeemed")
        coupon.redeemed = True
        self.db.add(OrderLine(order_id=order.id, product_id=0, quantity=1, unit_price=-coupon.discount))
        self.db.commit()

    def rename(self, order_id: int, note: str) -> Order:
        order = self.db.get(Order, order_id)
        if order is None:
            raise HTTPException(status_code=404)
        order.shipping_note = note
        self.db.commit()
        return order
