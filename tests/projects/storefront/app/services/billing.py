import stripe
from sqlalchemy.orm import Session

from app.models import Subscription, User


def ensure_customer(db: Session, user_id: int) -> str:
    user = db.get(User, user_id)
    if not user.stripe_customer_id:
        customer = stripe.Customer.create(email=user.email, name=user.full_name)
        user.stripe_customer_id = customer.id
        db.commit()
    return user.stripe_customer_id


def ensure_customer_locked(db: Session, user_id: int) -> str:
    user = db.get(User, user_id, with_for_update=True)
    if not user.stripe_customer_id:
        customer = stripe.Customer.create(email=user.email)
        user.stripe_customer_id = customer.id
    db.commit()
    return user.stripe_customer_id


def subscribe(db: Session, user: User, plan: str) -> Subscription:
    customer = ensure_customer(db, user.id)
    created = stripe.Subscription.create(customer=customer, items=[{"price": plan}])
    subscription = Subscription(user_id=user.id, provider_id=created.id, status=created.status, plan=plan)
    db.add(subscription)
    db.commit()
    return subscription
