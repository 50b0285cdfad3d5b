"""What a function is told that opens customers' keys."""

from services.libs.store.store_settings import StoreSettings


class KeySettings(StoreSettings):
    customer_key_table: str
    wrapping_key_arn: str
