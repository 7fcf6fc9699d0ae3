"""The only room where Flax lives: shells over the layers, and models made of them.

`functional` turns any of them into ``(apply, params, state)``; outputs are logits.
"""

from assay.models._catalogue import build as build
from assay.models._catalogue import known as known
from assay.models._catalogue import takes as takes
from assay.models._classic import Adaline as Adaline
from assay.models._classic import Neuron as Neuron
from assay.models._classic import Perceptron as Perceptron
from assay.models._cnn import LeNet5 as LeNet5
from assay.models._cnn import ResidualBlock as ResidualBlock
from assay.models._cnn import ResidualCNN as ResidualCNN
from assay.models._cnn import SeparableCNN as SeparableCNN
from assay.models._cnn import lenet5_1998 as lenet5_1998
from assay.models._functional import functional as functional
from assay.models._mlp import MLP as MLP
from assay.models._mlp import DropoutNet as DropoutNet
from assay.models._modules import BatchNorm as BatchNorm
from assay.models._modules import Conv as Conv
from assay.models._modules import Dense as Dense
from assay.models._modules import DepthwiseConv as DepthwiseConv
from assay.models._modules import Dropout as Dropout
from assay.models._modules import Embedding as Embedding
from assay.models._modules import LayerNorm as LayerNorm
from assay.models._modules import PointwiseConv as PointwiseConv
from assay.models._modules import Recurrent as Recurrent
from assay.models._modules import SeparableConv as SeparableConv
from assay.models._rnn import NextToken as NextToken
from assay.models._rnn import RecurrentClassifier as RecurrentClassifier
from assay.models._summary import summary as summary
