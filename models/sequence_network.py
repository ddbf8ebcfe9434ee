"""The network of `models.sequence`, apart so that torch is loaded only where it is used."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)


class Network(nn.Module):
    """A causal transformer (pre-norm) on item vectors; the logit of an item is its vector times the state."""

    def __init__(self, items: int, longest: int, dim: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, dim, padding_idx=items)
        self.places = nn.Embedding(longest, dim)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(_Block(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        for table in (self.items, self.places):
            nn.init.normal_(table.weight, std=dim**-0.5)
        with torch.no_grad():
            self.items.weight[items] = 0.0

    def loss(self, batch: Tensor, drawn: Tensor, log_chance: Tensor) -> Tensor:
        """Mean loss of the next item over all places; `batch` (people × length + 1) holds -1 as padding.

        `drawn` are the negatives' numbers, `log_chance` (items) how likely one draw is to give each item.
        """
        read, wanted = batch[:, :-1], batch[:, 1:]
        inside = read >= 0
        state, target = self._states(read)[inside], wanted[inside]
        right = (state * self.items(target)).sum(-1) - log_chance[target]
        others = state @ self.items(drawn).T - log_chance[drawn]
        others = others.masked_fill(target[:, None] == drawn[None, :], -1e9)
        return F.cross_entropy(torch.cat([right[:, None], others], 1), torch.zeros_like(target))

    def next_logits(self, batch: Tensor) -> Tensor:
        """(people × items): logits of what follows each right-aligned history."""
        return self._states(batch)[:, -1] @ self.items.weight[:-1].T

    def _states(self, read: Tensor) -> Tensor:
        width = read.shape[1]
        padding = read < 0
        x = self.items(read.masked_fill(padding, self.items.num_embeddings - 1)) * self.items.embedding_dim**0.5
        x = self.drop(x + self.places(torch.arange(width - 1, -1, -1)))
        ahead = torch.ones(width, width, dtype=torch.bool).tril()
        # A place of padding looks at itself, else its softmax would be of nothing.
        seen = (ahead & ~padding[:, None, :]) | torch.eye(width, dtype=torch.bool)
        for block in self.blocks:
            x = block(x, seen[:, None])
        return self.norm(x)


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.before, self.between = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mix, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.think = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        people, width, dim = x.shape
        mixed = self.mix(self.before(x)).view(people, width, 3, self.heads, dim // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        rate = self.rate if self.training else 0.0
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=seen, dropout_p=rate)
        x = x + self.drop(self.out(heard.transpose(1, 2).reshape(people, width, dim)))
        return x + self.drop(self.think(self.between(x)))
