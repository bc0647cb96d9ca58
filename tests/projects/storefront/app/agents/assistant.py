from app.core.database import SessionLocal
from app.models import AuditLog

_session = None
_assistant = None


def get_session():
    global _session
    if _session is None:
        _session = SessionLocal()
    return _session


class Assistant:
    def answer(self, question: str) -> str:
        db = get_session()
        db.add(AuditLog("assistant", "question"))
        db.commit()
        return f"I do not know: {question}"


def get_assistant() -> Assistant:
    global _assistant
    if _assistant is None:
        _assistant = Assistant()
    return _assistant
