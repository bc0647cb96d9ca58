import logging

import requests

from app.core.database import SessionLocal, session_scope
from app.models import AuditLog, User

logger = logging.getLogger(__name__)


def record(actor: str, action: str, **detail: object) -> None:
    db = SessionLocal()
    entry = AuditLog(actor, action, **detail)
    db.add(entry)
    db.commit()


def record_scoped(actor: str, action: str) -> None:
    with session_scope() as db:
        db.add(AuditLog(actor, action))


def notify_shipped(user: User, tracking_number: str) -> None:
    try:
        requests.post("https://mail.example.com/send", json={"to": user.email, "tracking": tracking_number})
    except Exception:
        pass
    logger.info("notified %s", user.id)
