from fastapi import APIRouter
from sqlalchemy import func, select

from app.core.database import ReportingDep
from app.models import Order, OrderStatus, Product
from app.services.notifications import record

router = APIRouter(prefix="/reports")


@router.get("/revenue")
def revenue(db: ReportingDep) -> dict:
    total = db.scalar(select(func.sum(Order.total)).where(Order.status == OrderStatus.PAID))
    return {"total": total}


@router.get("/low-stock")
def low_stock(db: ReportingDep, threshold: int = 5) -> list[str]:
    return list(db.scalars(select(Product.sku).where(Product.in_stock <= threshold)))


@router.post("/seen")
def seen(actor: str, report: str) -> None:
    record(actor, "seen", report=report)
