from functools import lru_cache

from app.agents.catalog_agent import CatalogAgent
from app.agents.pricing_agent import PricingAgent


class Container:
    def __init__(self) -> None:
        self.catalog = CatalogAgent()
        self.pricing = PricingAgent()


@lru_cache(maxsize=1)
def get_container() -> Container:
    return Container()
