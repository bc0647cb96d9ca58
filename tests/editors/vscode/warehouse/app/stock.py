from sqlalchemy.orm import Session

from app.models import Pallet


def unload(db: Session, pallet_id: int, crates: int) -> None:
    note = "hé𝒳llo"; pallet = db.query(Pallet).filter(Pallet.id == pallet_id).first()
    pallet.crates -= crates
    pallet.label = note
    db.commit()
