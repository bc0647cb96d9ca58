from fastapi import APIRouter

from app.agents.assistant import get_assistant

router = APIRouter(prefix="/assistant")


@router.post("/ask")
def ask(question: str) -> dict:
    return {"answer": get_assistant().answer(question)}
