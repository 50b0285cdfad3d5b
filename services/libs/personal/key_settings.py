"""What the functions of the customer service are told."""

from services.libs.store.store_settings import StoreSettings


class CustomerSettings(StoreSettings):
    customer_key_table: str
    wrapping_key_arn: str
