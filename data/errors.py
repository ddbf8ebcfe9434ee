"""The one error tree: every failure that a user can mend is one clear sentence.

ShopkeeperError
├── SettingError         a wrong option, path or environment variable
├── DataError            a source file or table that cannot be used (names row and column)
├── StoreError           the store is empty, locked or damaged
├── ModelError           a model is untrained, of another snapshot, or of another version
├── ToolError            a tool's argument names something that does not exist or cannot be done
├── CampaignError        a brief, plan or approval that cannot stand
└── AgentError           the chat model or the conversation cannot go on
"""


class ShopkeeperError(Exception):
    """Base of all errors whose message is written for the person in front of the screen."""


class SettingError(ShopkeeperError):
    """A wrong option, path or environment variable."""


class DataError(ShopkeeperError):
    """A source file or table that cannot be used; the message names row and column where known."""


class StoreError(ShopkeeperError):
    """The store is empty, locked or damaged."""


class ModelError(ShopkeeperError):
    """A model is untrained, of another snapshot, or of another version."""


class ToolError(ShopkeeperError):
    """A tool's argument names something that does not exist; the message says how to mend it."""


class CampaignError(ShopkeeperError):
    """A brief, plan or approval that cannot stand."""


class AgentError(ShopkeeperError):
    """The chat model or the conversation cannot go on."""
