import stripe

from app.database import SessionLocal, open_session, scope, shared
from app.models import Account, Line, Order
from app.repository import OrderRepository, load_account, load_account_locked


def withdraw(db, account_id, amount):
    account = load_account(db, account_id)
    if account.balance < amount:
        raise ValueError("not enough")
    account.balance = account.balance - amount
    db.commit()
    return account


def withdraw_locked(db, account_id, amount):
    account = load_account_locked(db, account_id)
    account.balance -= amount
    db.commit()


def spend_credits(account_id: int) -> None:
    with SessionLocal() as session:
        account = session.get(Account, account_id)
        account.credits -= 1
        session.commit()


def nightly():
    session = open_session()
    for order in OrderRepository(session).open_orders():
        order.total = order.total * 2
    session.commit()


def touch(order_id):
    order = shared.get(Order, order_id)
    order.revision += 1
    shared.commit()


def charge(order_id: int):
    with scope() as session:
        order = session.get(Order, order_id)
        if order.charge_id is None:
            payment = stripe.Charge.create(amount=order.total)
            order.charge_id = payment.id


class Checkout:
    def __init__(self, db):
        self.db = db
        self.orders = OrderRepository(db)

    def pay(self, order_id):
        order = self.orders.get(order_id)
        if order.status == "pending":
            order.status = "paid"
            self.db.add(Line(order_id=order.id))
            self.db.commit()

    def pay_safely(self, order_id):
        order = self.orders.get(order_id, for_update=True)
        try:
            self.orders.mark(order, "paid")
        except Exception:
            self.db.rollback()
            raise
