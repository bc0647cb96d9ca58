from app.models.base import Base
from app.models.billing import AuditLog, Subscription, Wallet
from app.models.order import Coupon, Order, OrderLine, OrderStatus
from app.models.product import PriceList, Product, Review
from app.models.user import User

__all__ = [
    "AuditLog",
    "Base",
    "Coupon",
    "Order",
    "OrderLine",
    "OrderStatus",
    "PriceList",
    "Product",
    "Review",
    "Subscription",
    "User",
    "Wallet",
]
