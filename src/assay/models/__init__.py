"""The only room where Flax lives: shells over the layers, and models made of them.

`functional` turns any of them into ``(apply, params, state)``; outputs are logits.
"""

from assay.models._attention import FeedForward as FeedForward
from assay.models._attention import MultiHeadAttention as MultiHeadAttention
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
from assay.models._conv_norm import ConvNorm as ConvNorm
from assay.models._functional import functional as functional
from assay.models._mixer import Mixer as Mixer
from assay.models._mixer import mixer_b16 as mixer_b16
from assay.models._mlp import MLP as MLP
from assay.models._mlp import DropoutNet as DropoutNet
from assay.models._mobilenet import MobileNetV2 as MobileNetV2
from assay.models._modules import Conv as Conv
from assay.models._modules import ConvTranspose as ConvTranspose
from assay.models._modules import Dense as Dense
from assay.models._modules import DepthwiseConv as DepthwiseConv
from assay.models._modules import Embedding as Embedding
from assay.models._modules import PointwiseConv as PointwiseConv
from assay.models._modules import SeparableConv as SeparableConv
from assay.models._noise import Dropout as Dropout
from assay.models._noise import DropPath as DropPath
from assay.models._norms import BatchNorm as BatchNorm
from assay.models._norms import GroupNorm as GroupNorm
from assay.models._norms import LayerNorm as LayerNorm
from assay.models._norms import RMSNorm as RMSNorm
from assay.models._recurrent import Recurrent as Recurrent
from assay.models._resnet import BasicBlock as BasicBlock
from assay.models._resnet import BottleneckBlock as BottleneckBlock
from assay.models._resnet import ResNet as ResNet
from assay.models._resnet import resnet18 as resnet18
from assay.models._resnet import resnet50 as resnet50
from assay.models._rnn import NextToken as NextToken
from assay.models._rnn import RecurrentClassifier as RecurrentClassifier
from assay.models._stack import stacked as stacked
from assay.models._summary import summary as summary
from assay.models._unet import UNet as UNet
