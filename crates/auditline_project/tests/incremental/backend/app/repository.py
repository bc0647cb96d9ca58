from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Account, Line, Order


class Repository:
    model = None

    def __init__(self, session: Session):
        self.session = session

    def get(self, key, for_update=False):
        return self.session.get(self.model, key, with_for_update=for_update)

    def save(self, row, commit=True):
        self.session.add(row)
        if commit:
            self.session.commit()
        else:
            self.session.flush()
        return row


class OrderRepository(Repository):
    model = Order

    def open_orders(self):
        return self.session.scalars(select(Order).where(Order.status == "pending")).all()

    def mark(self, order: Order, status: str) -> None:
        order.status = status
        self.session.commit()


def load_account(db: Session, account_id: int) -> Account | None:
    return db.query(Account).filter(Account.id == account_id).first()


def load_account_locked(db: Session, account_id: int) -> Account | None:
    return db.query(Account).filter(Account.id == account_id).with_for_update().first()
