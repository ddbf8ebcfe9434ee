"""What the LLM can call: importing this package registers every tool, one module a family, one line each."""

from tools import ads as ads
from tools import audiences as audiences
from tools import campaigns as campaigns
from tools import cart as cart
from tools import copy as copy
from tools import customers as customers
from tools import products as products
from tools import recommend as recommend
from tools import sales as sales
from tools import stock as stock
