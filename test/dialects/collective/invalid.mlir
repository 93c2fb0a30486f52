// RUN: partita-opt %s --split-input-file --verify-diagnostics

partita_plan.stage @s on <["a"=1], devices = [0]>
// expected-error @+1 {{PROGRAM-1: device 0 has two event lists}}
partita_collective.program @main role "worker" phase "step" stages [@s] events [
  #partita_collective.events<devices = [0], []>, #partita_collective.events<devices = [0], []>]

// -----

// expected-error @+1 {{PROGRAM-1: events are #partita_collective.events}}
partita_collective.program @main role "worker" phase "step" stages [] events ["none"]

// -----

partita_plan.stage @s on <["a"=1], devices = [0]>
// expected-error @+1 {{PROGRAM-2: event #partita_collective.event<send @s, 0> needs the symbol of a channel}}
partita_collective.program @main role "worker" phase "step" stages [@s] events [
  #partita_collective.events<devices = [0], [<send @s, 0>]>]

// -----

// expected-error @+1 {{PROGRAM-2: event #partita_collective.event<forward @absent, 0> needs the symbol of a stage}}
partita_collective.program @main role "worker" phase "step" stages [] events [
  #partita_collective.events<devices = [0], [<forward @absent, 0>]>]

// -----

partita_plan.stage @s on <["a"=1], devices = [0]>
// expected-error @+1 {{has a negative number}}
partita_collective.program @main role "worker" phase "step" stages [@s] events [
  #partita_collective.events<devices = [0], [<forward @s, -1>]>]

// -----

#a = #partita_plan.part<tensor<4xf32>, <[[]]>>
#b = #partita_plan.part<tensor<5xf32>, <[[]]>>
// expected-error @+1 {{CHANNEL-1: sends a part of 'tensor<4xf32>', receives a part of 'tensor<5xf32>'}}
partita_collective.channel @c "y" from @s : tensor<4xf32, #a> to @t : tensor<5xf32, #b>

// -----

// expected-error @+1 {{CHANNEL-1: both types carry parts}}
partita_collective.channel @c "y" from @s : tensor<4xf32> to @t : tensor<4xf32>

// -----

#a = #partita_plan.part<tensor<4xf32>, <[[]]>>
#p = #partita_plan.part<tensor<4xf32>, <[[]], partial ["a" sum]>>
// expected-error @+1 {{CHANNEL-1: partial values cannot cross stages}}
partita_collective.channel @c "y" from @s : tensor<4xf32, #p> to @t : tensor<4xf32, #a>

// -----

func.func @extent() {
  // expected-error @+1 {{EXTENT-1: 'tensor<4xf32>' carries no part}}
  %0 = partita_collective.extent 0 of tensor<4xf32>
  return
}

// -----

func.func @offset() {
  // expected-error @+1 {{EXTENT-1: dim 1 is outside}}
  %0 = partita_collective.offset 1 of tensor<4xf32, #partita_plan.part<tensor<4xf32>, <[[]]>>>
  return
}

// -----

#whole = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @comm1(%x: tensor<4xf32>, %y: tensor<4x1xf32>) {
  // expected-error @+1 {{COMM-1: the destination has type 'tensor<4x1xf32>', described as}}
  %0 = partita_collective.start 0 "exchange" "x" (%x : tensor<4xf32>) into (%y : tensor<4x1xf32>) over []
       part tensor<4xf32, #whole> to tensor<4xf32, #whole>
  return
}

// -----

#whole = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @comm2(%x: tensor<4xf32>, %y: tensor<4xf32>) {
  %0 = partita_collective.start 0 "exchange" "x" (%x : tensor<4xf32>) into (%y : tensor<4xf32>) over []
       part tensor<4xf32, #whole> to tensor<4xf32, #whole>
  // expected-error @+1 {{COMM-2: waits for communication 1 with the token of 0}}
  %1 = partita_collective.wait 1 %0 (%x : tensor<4xf32>) into (%y : tensor<4xf32>) to tensor<4xf32>
  return
}

// -----

#whole = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @comm2_result(%x: tensor<4xf32>, %y: tensor<4xf32>) {
  %0 = partita_collective.start 0 "exchange" "x" (%x : tensor<4xf32>) into (%y : tensor<4xf32>) over []
       part tensor<4xf32, #whole> to tensor<4xf32, #whole>
  // expected-error @+1 {{COMM-2: has a result exactly when it works on tensors}}
  partita_collective.wait 0 %0 (%x : tensor<4xf32>) into (%y : tensor<4xf32>)
  return
}
